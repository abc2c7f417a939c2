// A stock chat of the AI SDK (6 and 7): its own transport with no options but where the server is and who asks.

import { Chat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { obey, options, tell, watchedFetch } from "./lines.mjs";

const { url, chatId, headers, messages = [] } = options;

// In a page the addresses are relative, and a cookie says who asks.
const inPage = (path, init) => watchedFetch(`${url}${path}`, init);

const chat = new Chat({
  ...(chatId ? { id: chatId } : {}),
  messages,
  transport: new DefaultChatTransport({ headers, fetch: inPage }),
  onError: () => {},
  onFinish: ({ isAbort, isDisconnect, isError }) => tell({ finished: { isAbort, isDisconnect, isError } }),
});

function show() {
  tell({
    chat: chat.id,
    status: chat.status,
    error: chat.error?.message ?? null,
    messages: chat.messages.map(({ id, role, parts, metadata }) => ({
      id,
      role,
      metadata: metadata ?? null,
      parts: parts.map(({ type, text, state }) => [type, text ?? "", state ?? ""]),
      text: parts.map((part) => (part.type === "text" ? part.text : "")).join(""),
    })),
  });
}

chat["~registerStatusCallback"](show);
chat["~registerMessagesCallback"](show);
chat["~registerErrorCallback"](show);
show();

await obey({
  send: ({ text, body }) => chat.sendMessage({ text }, { body }),
  edit: ({ text, messageId, body }) => chat.sendMessage({ text, messageId }, { body }),
  regenerate: ({ messageId, body }) => chat.regenerate({ messageId, body }),
  resume: () => chat.resumeStream(),
  stop: () => chat.stop(),
});
