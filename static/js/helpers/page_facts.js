import { statusOf } from "./messages.js"

// The messages the server wrote into the page.
export function messagesOf(element) {
  return [...element.children].map(article => {
    const { messageId, role, status, bytes, model, finish, error, later } = article.dataset
    const content = article.querySelector(".message-body").textContent
    if (role === "user") return { key: messageId, id: messageId, role, content, status: "complete" }
    const message = article.querySelector(".message-notice-text")?.textContent.trim()
    const problem = error ? { code: error, message } : null
    return {
      key: messageId, id: messageId, role, content, model,
      status: statusOf(status, content),
      bytes: bytes === "" ? null : Number(bytes),
      error: later ? null : problem,
      laterAttempt: later ? { status: later, error: problem } : null,
      finishReason: finish || null,
    }
  })
}
