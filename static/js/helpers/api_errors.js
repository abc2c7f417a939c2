import { retryAfterSeconds } from "./backoff.js"

// The server answered, and the answer is no.
export class ApiError extends Error {
  name = "ApiError"

  constructor({ status, code = "", message, retryAfter = 0, details = [], requestId = "", replyId = "", userMessageId = "" }) {
    super(message)
    Object.assign(this, { status, code, retryAfter, details, requestId, replyId, userMessageId })
  }

  // The first complaint about each named field, for a form to show.
  get fields() {
    return Object.fromEntries(this.details.filter(detail => detail.field).reverse().map(({ field, error }) => [field, error]))
  }
}

// Nobody answered: no line, no server, or silence for too long.
export class NetworkError extends Error {
  name = "NetworkError"
}

// A proxy's HTML page for a 502 has no envelope; the status alone must do.
export async function apiErrorFrom(response) {
  const envelope = await response.json().catch(() => ({}))
  return new ApiError({
    status: response.status,
    code: envelope.code,
    message: envelope.error || `The server answered with an error (${response.status})`,
    retryAfter: retryAfterSeconds(response.headers.get("Retry-After")),
    details: Array.isArray(envelope.details) ? envelope.details : [],
    requestId: envelope.requestId,
    replyId: response.headers.get("X-Reply-Id") ?? "",
    userMessageId: response.headers.get("X-User-Message-Id") ?? "",
  })
}
