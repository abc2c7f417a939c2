const BASE_DELAY_MS = 1000
const JITTER = 0.25
const LONGEST_POLITE_WAIT_MS = 120_000

// 1 s, 2 s, 4 s, each up to a quarter longer so that many browsers do not come back in the same instant.
// A server that names a time (Retry-After, in seconds) is never asked earlier.
export function retryDelay(attempt, { retryAfter = 0, random = Math.random } = {}) {
  const own = 2 ** attempt * BASE_DELAY_MS * (1 + JITTER * random())
  return Math.round(Math.max(own, retryAfter * 1000))
}

// The header holds seconds or an HTTP date (RFC 9110, 10.2.3).
export function retryAfterSeconds(value, now = Date.now()) {
  if (!value) return 0
  if (/^\d+$/.test(value.trim())) return Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? 0 : Math.max(0, Math.ceil((date - now) / 1000))
}

const CURABLE_STATUSES = new Set([408, 425, 429, 500, 502, 503, 504])

// Worth repeating unasked: a lost line, and refusals that pass. A verdict of the model's own server is shown instead,
// except "busy", which says when to come back.
export function isCurable(error) {
  if (error.name === "NetworkError") return true
  if (!CURABLE_STATUSES.has(error.status)) return false
  if (error.code?.startsWith("UPSTREAM_") && error.code !== "UPSTREAM_BUSY") return false
  return (error.retryAfter ?? 0) * 1000 <= LONGEST_POLITE_WAIT_MS
}
