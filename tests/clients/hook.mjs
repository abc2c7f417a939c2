// One chat in the AI SDK 4.x: its useChat hook, in React without a browser, over the text protocol.

import { useChat } from "@ai-sdk/react";
import { createElement } from "react";
import { create } from "react-test-renderer";
import { obey, options, tell, watchedFetch } from "./lines.mjs";

const { url, chatId, headers, messages = [], withIds = false } = options;
let chat;

function Conversation() {
  chat = useChat({
    api: `${url}/api/chats/${chatId}/stream`,
    id: chatId,
    initialMessages: messages,
    streamProtocol: "text",
    sendExtraMessageFields: withIds,
    headers,
    fetch: watchedFetch,
    onFinish: () => tell({ finished: {} }),
  });
  tell({
    status: chat.status,
    error: chat.error?.message ?? null,
    messages: chat.messages.map(({ id, role, content }) => ({ id, role, text: content })),
  });
  return null;
}

create(createElement(Conversation));
await new Promise((mounted) => setImmediate(mounted));

await obey({
  send: ({ text, id, body }) => chat.append({ role: "user", content: text, id }, { body }),
  resend: ({ text, id, body }) => {
    chat.setMessages(chat.messages.slice(0, chat.messages.findIndex((message) => message.id === id)));
    return chat.append({ role: "user", content: text, id }, { body });
  },
  regenerate: ({ body }) => chat.reload({ body: { trigger: "regenerate-message", ...body } }),
  resume: () => chat.experimental_resume(),
  stop: () => chat.stop(),
});
