import { hasThought } from "./parts.js"

const BY_CODE = {
  OFFLINE: "Waiting for the network. The message goes out when it is back.",
  CHAT_BUSY: "Another reply is being written in this chat. Your message is kept here.",
  CHAT_NOT_FOUND: "This chat does not exist any more.",
  MESSAGE_TOO_LONG: "This message is too long. Shorten it and send it again.",
  TOO_MANY_STREAMS: "Too many replies are being written at once. Wait for one to end.",
}

const BY_STATUS = {
  stopped: "You stopped this reply.",
  interrupted: "This reply was interrupted. What was written is kept.",
  failed: "The reply failed.",
  lost: "The server has lost this message. Its database has gone back to an earlier state.",
}

const LOST_WITH_CHAT = "The chat of this message is gone. If nobody has deleted it, you can send the message again."

const BY_FINISH = {
  length: "The reply reached the model's length limit.",
  content_filter: "The model's server ended this reply with its content filter.",
  tool_calls: "The model asked for a tool, and there are none here.",
  function_call: "The model asked for a tool, and there are none here.",
}

export const ONLY_THOUGHT = "The model thought, but wrote no answer."

const LATER = {
  stopped: "You stopped the new answer. This is the one before it.",
  interrupted: "The new answer was interrupted. This is the one before it.",
  failed: "A new answer failed. This is the one before it.",
}

// Asking again would bring the same refusal until somebody has changed something.
const BEYOND_RETRY = new Set([
  "UPSTREAM_AUTH", "UPSTREAM_QUOTA", "UPSTREAM_NO_MODELS", "UPSTREAM_MODEL_NOT_FOUND", "UNKNOWN_MODEL", "CONTEXT_TOO_LONG",
])

export function sentenceFor(error) {
  if (error.name === "NetworkError") return "The server cannot be reached."
  const own = BY_CODE[error.code]
  if (own) return own
  if (error.status === 429 && error.retryAfter) return `${withStop(error.message)} Try again in ${error.retryAfter} s.`
  return withStop(error.message || "Something went wrong.")
}

export function noticeFor({ status, content, error, finishReason, laterAttempt, isLostWithChat, ...message }) {
  if (laterAttempt?.error?.message) return `${withStop(laterAttempt.error.message)} The answer you had is kept.`
  if (laterAttempt) return LATER[laterAttempt.status] ?? ""
  if (error?.message) return withStop(error.message)
  if (status === "complete" && BY_FINISH[finishReason]) return BY_FINISH[finishReason]
  if (status === "complete" && content === "" && hasThought(message)) return ONLY_THOUGHT
  if (isLostWithChat) return LOST_WITH_CHAT
  return BY_STATUS[status] ?? ""
}

// "later" for what went wrong with an attempt to replace or continue an answer; "" where nothing did.
export function problemOf({ status, error, laterAttempt }) {
  if (laterAttempt) return laterAttempt.status === "failed" ? "later" : ""
  return status === "failed" || error ? "here" : ""
}

export function isWorthRetrying({ error }) {
  return !BEYOND_RETRY.has(error?.code)
}

function withStop(sentence) {
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`
}
