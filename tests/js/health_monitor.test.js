import assert from "node:assert/strict"
import test from "node:test"
import { HealthMonitor } from "../../static/js/models/health_monitor.js"
import { FakeClock } from "./support/fake_clock.js"

function begin(inspect = async () => "thinking") {
  const clock = new FakeClock()
  const asked = []
  const found = []
  const monitor = new HealthMonitor({
    clock,
    inspect: async () => { asked.push(clock.now()); return inspect() },
    found: reason => found.push(reason),
  })
  return { clock, monitor, asked, found }
}

test("is degraded after more than 15 seconds of silence and failed after more than 30", async () => {
  const { clock, monitor } = begin()
  monitor.start()
  const seen = []
  for (let second = 5; second <= 35; second += 5) {
    await clock.advance(5000)
    seen.push(monitor.connectionHealth)
  }
  assert.deepEqual(seen, ["healthy", "healthy", "healthy", "degraded", "degraded", "degraded", "failed"])
  assert.equal(monitor.timeSinceLastChunk, 35_000)
})

test("W20: raises no alarm while nothing runs", async () => {
  const { clock, monitor, asked } = begin()
  await clock.advance(120_000)
  assert.equal(monitor.connectionHealth, "healthy")
  assert.equal(monitor.timeSinceLastChunk, 0)
  monitor.start()
  monitor.stop()
  await clock.advance(120_000)
  assert.equal(monitor.connectionHealth, "healthy")
  assert.equal(asked.length, 0)
  assert.equal(clock.pending, 0)
})

test("a chunk makes it healthy again", async () => {
  const { clock, monitor } = begin()
  monitor.start()
  await clock.advance(20_000)
  assert.equal(monitor.connectionHealth, "degraded")
  monitor.updateLastChunkTime()
  assert.equal(monitor.connectionHealth, "healthy")
  assert.equal(monitor.reason, null)
})

test("tells a thinking model, a stuck connection and a server that is away apart", async () => {
  for (const [inspect, reason] of [[async () => "thinking", "thinking"], [async () => "stuck", "stuck"], [async () => { throw new Error("no line") }, "away"]]) {
    const { clock, monitor, found } = begin(inspect)
    monitor.start()
    await clock.advance(20_000)
    assert.equal(monitor.reason, reason)
    assert.deepEqual(found, [reason])
  }
})

test("asks nobody while words come in", async () => {
  const { clock, monitor, asked } = begin()
  monitor.start()
  for (let round = 0; round < 20; round++) {
    await clock.advance(2_000)
    monitor.updateLastChunkTime()
    await monitor.check()
  }
  assert.equal(asked.length, 0)
})

test("asks at once when the tab wakes after a silence", async () => {
  const { clock, monitor, found } = begin(async () => "stuck")
  monitor.start()
  await clock.advance(4_000)
  await monitor.check()
  assert.deepEqual(found, ["stuck"])
})

test("an answer that a chunk has overtaken is dropped", async () => {
  let answer
  const { clock, monitor, found } = begin(() => new Promise(resolve => { answer = resolve }))
  monitor.start()
  await clock.advance(20_000)
  monitor.updateLastChunkTime()
  answer("stuck")
  await clock.advance(0)
  assert.deepEqual(found, [])
  assert.equal(monitor.connectionHealth, "healthy")
})
