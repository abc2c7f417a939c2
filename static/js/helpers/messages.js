import { isFinal } from "./judgement.js"
import { hasThought, storedParts } from "./parts.js"

// A message as the page keeps it. `key` names it for as long as the page lives; `id` becomes the server's once it is known.
export function userMessage(key, content, status = "sending") {
  return { key, id: key, role: "user", content, status }
}

export function pendingReply(key) {
  return { key: `reply-${key}`, id: `reply-${key}`, role: "assistant", content: "", parts: [], status: "thinking", bytes: 0, traceBytes: 0, error: null, model: "", laterAttempt: null }
}

// From GET /api/chats/<id>.
export function storedMessage({ id, role, content, parts, metadata = {} }) {
  if (role === "user") return { key: id, id, role, content, status: "complete" }
  return {
    key: id, id, role: "assistant", content, parts: storedParts({ content, parts }),
    status: statusOf(metadata.status, content),
    bytes: metadata.bytes ?? null,
    traceBytes: metadata.traceBytes ?? 0,
    error: metadata.error ?? null,
    model: metadata.model ?? "",
    finishReason: metadata.finishReason ?? null,
    laterAttempt: metadata.laterAttempt ?? null,
  }
}

// A message that the server has acknowledged and does not know any more; with its chat, which may also have been deleted
// on another device.
export function lostMessage({ key, text }, { withChat = false } = {}) {
  return { ...userMessage(key, text, "lost"), isLostWithChat: withChat }
}

// What is shown of an answer again if its replacement says nothing; null if there is nothing to show.
export function factsOf({ key, ...facts }) {
  return facts.content || hasThought(facts) ? facts : null
}

// The server says "streaming"; a person sees thinking until there are words.
export function statusOf(status = "complete", content = "") {
  if (isFinal(status)) return status
  return content ? "streaming" : "thinking"
}

export function isRunning(message) {
  return message.role === "assistant" && (message.status === "thinking" || message.status === "streaming")
}

// What the server has, in its order; messages the page knows stay the same objects. The server tells the newest ones:
// what the page shows before the first of them stays.
export function merge(known, stored) {
  const byId = new Map(known.map(message => [message.id, message]))
  const earlier = known.slice(0, Math.max(0, known.findIndex(message => message.id === stored[0]?.id)))
  return [...earlier, ...stored.map(message => {
    const own = byId.get(message.id)
    return own ? Object.assign(own, message, { key: own.key }) : message
  })]
}
