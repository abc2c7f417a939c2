// One chat in the AI SDK's own state machine (5.x to 7.x), over its text transport.

import { Chat } from "@ai-sdk/react";
import { TextStreamChatTransport } from "ai";
import { obey, options, tell, watchedFetch } from "./lines.mjs";

const { url, chatId, headers, messages = [] } = options;
const stream = `${url}/api/chats/${chatId}/stream`;

// The two ways to tell the SDK our addresses. It sends to `api`, and resumes at `<api>/<chat id>/stream`.
const addresses = {
  ofTheChat: { api: stream, prepareReconnectToStreamRequest: () => ({ api: stream }) },
  ofAllChats: {
    api: `${url}/api/chats`,
    prepareSendMessagesRequest: ({ id, body, messages, trigger, messageId }) => ({
      api: stream,
      body: { ...body, id, messages, trigger, messageId },
    }),
  },
};

const chat = new Chat({
  id: chatId,
  messages,
  transport: new TextStreamChatTransport({ headers, fetch: watchedFetch, ...addresses[options.addresses] }),
  onError: () => {},
  onFinish: ({ isAbort, isDisconnect, isError }) => tell({ finished: { isAbort, isDisconnect, isError } }),
});

function show() {
  tell({
    status: chat.status,
    error: chat.error?.message ?? null,
    messages: chat.messages.map(({ id, role, parts }) => ({
      id,
      role,
      text: parts.map((part) => part.text ?? "").join(""),
    })),
  });
}

chat["~registerStatusCallback"](show);
chat["~registerMessagesCallback"](show);
chat["~registerErrorCallback"](show);
show();

// A message whose id the page chooses, so that it can send the same one again.
function message(id, text) {
  return id ? { id, role: "user", parts: [{ type: "text", text }] } : { text };
}

await obey({
  send: ({ text, id, body }) => chat.sendMessage(message(id, text), { body }),
  resend: ({ text, id, body }) => {
    chat.messages = chat.messages.slice(0, chat.messages.findIndex((message) => message.id === id));
    return chat.sendMessage(message(id, text), { body });
  },
  edit: ({ text, messageId, body }) => chat.sendMessage({ text, messageId }, { body }),
  regenerate: ({ messageId, body }) => chat.regenerate({ messageId, body }),
  resume: () => chat.resumeStream(),
  stop: () => chat.stop(),
});
