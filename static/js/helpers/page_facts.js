import { statusOf } from "./messages.js"

// The messages the server wrote into the page.
export function messagesOf(element) {
  return [...element.children].map(article => {
    const { messageId, role, status, bytes, traceBytes, model, finish, error, later } = article.dataset
    const parts = [...article.children].flatMap(partOf)
    const content = parts.map(({ type, text }) => type === "text" ? text : "").join("")
    if (role === "user") return { key: messageId, id: messageId, role, content, status: "complete" }
    const message = article.querySelector(".message-notice-text")?.textContent.trim()
    const problem = error ? { code: error, message } : null
    return {
      key: messageId, id: messageId, role, content, parts, model,
      status: statusOf(status, content),
      bytes: bytes === "" ? null : Number(bytes),
      traceBytes: Number(traceBytes),
      error: later ? null : problem,
      laterAttempt: later ? { status: later, error: problem } : null,
      finishReason: finish || null,
    }
  })
}

function partOf(element) {
  if (element.matches(".message-body")) return element.textContent ? [{ type: "text", text: element.textContent }] : []
  if (element.matches(".seam")) return [{ type: "restart", hurried: element.dataset.hurried === "yes" }]
  if (!element.matches(".thought")) return []
  const { started, duration } = element.dataset
  const startedAt = started ? Date.parse(started) : null
  const text = element.querySelector(".thought-body").textContent
  return [{ type: "reasoning", text, startedAt, endedAt: startedAt === null ? null : startedAt + Number(duration) }]
}
