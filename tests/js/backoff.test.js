import assert from "node:assert/strict"
import test from "node:test"
import { ApiError, NetworkError } from "../../static/js/helpers/api_errors.js"
import { isCurable, retryAfterSeconds, retryDelay } from "../../static/js/helpers/backoff.js"

const refusal = (status, code = "", retryAfter = 0) => new ApiError({ status, code, message: "No.", retryAfter })

test("waits 1, 2 and 4 seconds", () => {
  assert.deepEqual([0, 1, 2].map(attempt => retryDelay(attempt, { random: () => 0 })), [1000, 2000, 4000])
})

test("adds up to a quarter by chance, so that many browsers do not come back together", () => {
  assert.equal(retryDelay(2, { random: () => 1 }), 5000)
})

test("never asks before the time the server names", () => {
  assert.equal(retryDelay(0, { retryAfter: 30, random: () => 1 }), 30_000)
  assert.equal(retryDelay(2, { retryAfter: 1, random: () => 0 }), 4000)
})

test("reads Retry-After in seconds and as a date", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT")
  assert.equal(retryAfterSeconds("120"), 120)
  assert.equal(retryAfterSeconds("Wed, 21 Oct 2026 07:28:30 GMT", now), 30)
  assert.equal(retryAfterSeconds("Wed, 21 Oct 2026 07:27:00 GMT", now), 0)
  for (const nothing of [null, "", "soon", "-5"]) assert.equal(retryAfterSeconds(nothing, now), 0)
})

test("tries again after a lost line and a passing refusal", () => {
  assert.ok(isCurable(new NetworkError("gone")))
  for (const status of [408, 425, 429, 500, 502, 503, 504]) assert.ok(isCurable(refusal(status)), status)
  assert.ok(isCurable(refusal(503, "UPSTREAM_BUSY", 2)))
})

test("does not repeat what repeating cannot cure", () => {
  for (const status of [400, 401, 403, 404, 409, 413, 415, 416, 422]) assert.ok(!isCurable(refusal(status)), status)
  for (const code of ["UPSTREAM_AUTH", "UPSTREAM_ERROR", "UPSTREAM_BAD_RESPONSE", "UPSTREAM_UNREACHABLE"]) assert.ok(!isCurable(refusal(502, code)), code)
})

test("shows a wait of more than two minutes instead of sitting it out", () => {
  assert.ok(isCurable(refusal(429, "RATE_LIMITED", 120)))
  assert.ok(!isCurable(refusal(429, "RATE_LIMITED", 121)))
})
