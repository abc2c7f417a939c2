import assert from "node:assert/strict"
import test from "node:test"
import { ApiError, NetworkError } from "../../static/js/helpers/api_errors.js"
import { ErrorRecovery } from "../../static/js/models/error_recovery.js"
import { FakeClock, settle } from "./support/fake_clock.js"
import { silent } from "./support/page.js"

const lost = () => new NetworkError("gone")

function begin() {
  const clock = new FakeClock()
  const changes = []
  const recovery = new ErrorRecovery({ clock, random: () => 0, log: silent, changed: () => changes.push(recovery.retryCount) })
  return { clock, recovery, changes }
}

async function outcomeOf(promise) {
  let outcome = "waiting"
  promise.then(value => { outcome = value })
  await settle()
  return outcome
}

test("waits 1, 2 and 4 seconds, then says no", async () => {
  const { clock, recovery } = begin()
  for (const [count, wait] of [[1, 1000], [2, 2000], [3, 4000]]) {
    const again = recovery.handleStreamingError(lost())
    assert.equal(recovery.retryCount, count)
    assert.ok(recovery.isRecovering)
    assert.equal(recovery.waitsFor, wait)
    await clock.advance(wait - 1)
    assert.equal(await outcomeOf(again), "waiting")
    await clock.advance(1)
    assert.equal(await again, true)
    assert.ok(!recovery.isRecovering)
  }
  assert.ok(!recovery.canRetry)
  assert.equal(await recovery.handleStreamingError(lost()), false)
})

test("begins afresh after progress", async () => {
  const { clock, recovery } = begin()
  const again = recovery.handleStreamingError(lost())
  await clock.advance(1000)
  await again
  recovery.resetRetryCount()
  assert.equal(recovery.retryCount, 0)
  recovery.handleStreamingError(lost())
  assert.equal(recovery.waitsFor, 1000)
})

test("takes one error at a time", async () => {
  const { recovery } = begin()
  recovery.handleStreamingError(lost())
  assert.equal(await recovery.handleStreamingError(lost()), false)
  assert.equal(recovery.retryCount, 1)
})

test("does not wait for what cannot be cured", async () => {
  const { recovery } = begin()
  assert.equal(await recovery.handleStreamingError(new ApiError({ status: 404, message: "Not found" })), false)
  assert.equal(recovery.retryCount, 0)
})

test("W22: waits as long as the server asks", async () => {
  const { clock, recovery } = begin()
  const again = recovery.handleStreamingError(new ApiError({ status: 429, message: "Slow down", retryAfter: 9 }))
  await clock.advance(8999)
  assert.equal(await outcomeOf(again), "waiting")
  recovery.retryNow({ polite: true })
  assert.equal(await outcomeOf(again), "waiting", "a waking tab does not overrule the server")
  await clock.advance(1)
  assert.equal(await again, true)
})

test("tries at once when somebody asks for it", async () => {
  const { clock, recovery } = begin()
  const again = recovery.handleStreamingError(lost())
  recovery.retryNow()
  assert.equal(await again, true)
  assert.equal(clock.pending, 0, "no timer is left behind")
})

test("rests when exhausted, until it is rescued", async () => {
  const { recovery } = begin()
  const rescue = recovery.rescue()
  assert.ok(recovery.isExhausted && !recovery.isRecovering)
  assert.equal(await outcomeOf(rescue), "waiting")
  recovery.retryNow({ polite: true })
  await rescue
  assert.ok(!recovery.isExhausted && recovery.canRetry)
})
