import assert from "node:assert/strict"
import test from "node:test"
import { connectionWords } from "../../static/js/helpers/connection_words.js"

const calm = { health: "healthy", reason: null, retryCount: 0, maxRetries: 3, isRecovering: false, waitsFor: 0, exhausted: false, offline: false, queued: false, busy: false }
const say = facts => connectionWords({ ...calm, ...facts })

test("says nothing while all is well", () => {
  assert.equal(say({}).text, "")
  assert.equal(say({ offline: true }).text, "", "an idle chat raises no alarm")
})

test("counts the retries and the seconds, with a button to try now", () => {
  const words = say({ isRecovering: true, retryCount: 2, waitsFor: 3200 })
  assert.equal(words.text + words.countdown, "Reconnecting (2 of 3), in 4 s")
  assert.ok(words.canTry)
})

test("keeps the countdown apart, so that a screen reader is not told every second", () => {
  assert.equal(say({ isRecovering: true, retryCount: 1, waitsFor: 4000 }).text, say({ isRecovering: true, retryCount: 1, waitsFor: 1000 }).text)
})

test("does not call a busy model a lost connection", () => {
  assert.equal(say({ isRecovering: true, retryCount: 1, waitsFor: 2000, busy: true }).text, "The server is busy, trying again (1 of 3)")
})

test("is honest about a silence", () => {
  assert.equal(say({ health: "degraded", reason: "thinking" }).text, "The model is thinking")
  assert.equal(say({ health: "failed", reason: "thinking" }).tone, "calm")
  assert.match(say({ health: "degraded", reason: "stuck" }).text, /stuck/)
  const away = say({ health: "failed", reason: "away" })
  assert.match(away.text, /does not answer/)
  assert.ok(away.canTry)
})

test("says what becomes of a message written offline", () => {
  assert.match(say({ offline: true, queued: true, isRecovering: true }).text, /goes out when it is back/)
  assert.equal(say({ offline: true, exhausted: true }).text, "Waiting for the network")
})

test("offers to try again when it has given up", () => {
  const words = say({ exhausted: true, retryCount: 3 })
  assert.equal(words.text, "The connection is lost")
  assert.ok(words.canTry)
})
