const BY_CODE = {
  OFFLINE: "You are offline. The message goes out when the connection returns.",
  CHAT_BUSY: "Another reply is being written in this chat. Your message is kept here.",
  CHAT_NOT_FOUND: "This chat does not exist any more.",
  MESSAGE_TOO_LONG: "This message is too long. Shorten it and send it again.",
  TOO_MANY_STREAMS: "Too many replies are being written at once. Wait for one to end.",
}

const BY_STATUS = {
  stopped: "You stopped this reply.",
  interrupted: "This reply was interrupted. What was written is kept.",
  failed: "The reply failed.",
}

const BY_FINISH = {
  length: "The reply reached the model's length limit.",
  content_filter: "The model's server ended this reply with its content filter.",
  tool_calls: "The model asked for a tool, and there are none here.",
  function_call: "The model asked for a tool, and there are none here.",
}

export function sentenceFor(error) {
  if (error.name === "NetworkError") return "The server cannot be reached."
  const own = BY_CODE[error.code]
  if (own) return own
  if (error.status === 429 && error.retryAfter) return `${withStop(error.message)} Try again in ${error.retryAfter} s.`
  return withStop(error.message || "Something went wrong.")
}

export function noticeFor({ status, error, finishReason }) {
  if (error?.message) return withStop(error.message)
  if (status === "complete" && BY_FINISH[finishReason]) return BY_FINISH[finishReason]
  return BY_STATUS[status] ?? ""
}

function withStop(sentence) {
  return /[.!?…]$/.test(sentence) ? sentence : `${sentence}.`
}
