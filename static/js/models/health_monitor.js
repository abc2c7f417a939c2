import { systemClock } from "../helpers/clock.js"

const TICK_MS = 5_000
const DEGRADED_AFTER_MS = 15_000
const FAILED_AFTER_MS = 30_000
const TOO_FRESH_TO_ASK_MS = 3_000

// How long a running reply has been silent, and why. Between replies it is healthy and asks nobody.
// `inspect` resolves to "thinking" (the server has no more than we have), "stuck" (it has) or "away", or throws (away too).
export class HealthMonitor {
  #clock
  #inspect
  #found
  #changed
  #timer = null
  #lastChunkAt = 0
  #health = "healthy"
  #reason = null
  #checking = false

  constructor({ clock = systemClock, inspect, found = () => {}, changed = () => {} }) {
    this.#clock = clock
    this.#inspect = inspect
    this.#found = found
    this.#changed = changed
  }

  get connectionHealth() {
    return this.#health
  }

  get reason() {
    return this.#reason
  }

  get timeSinceLastChunk() {
    return this.#timer === null ? 0 : this.#clock.now() - this.#lastChunkAt
  }

  start() {
    this.stop()
    this.#lastChunkAt = this.#clock.now()
    this.#schedule()
  }

  stop() {
    this.#clock.clearTimeout(this.#timer)
    this.#timer = null
    this.#become("healthy", null)
  }

  updateLastChunkTime() {
    this.#lastChunkAt = this.#clock.now()
    this.#become("healthy", null)
  }

  // Also called out of turn: when the tab wakes or the line returns.
  async check() {
    if (this.#timer === null || this.#checking || this.timeSinceLastChunk < TOO_FRESH_TO_ASK_MS) return
    const asOf = this.#lastChunkAt
    this.#checking = true
    const reason = await this.#inspect().catch(() => "away")
    this.#checking = false
    if (this.#timer === null || this.#lastChunkAt !== asOf) return
    this.#become(healthAfter(this.timeSinceLastChunk), reason)
    this.#found(reason)
  }

  #schedule() {
    this.#timer = this.#clock.setTimeout(() => this.#tick(), TICK_MS)
  }

  #tick() {
    this.#schedule()
    const health = healthAfter(this.timeSinceLastChunk)
    if (health === "healthy") return
    this.#become(health, this.#reason)
    this.check()
  }

  #become(health, reason) {
    const same = this.#health === health && this.#reason === reason
    this.#health = health
    this.#reason = reason
    if (!same || reason) this.#changed()
  }
}

function healthAfter(silence) {
  if (silence > FAILED_AFTER_MS) return "failed"
  return silence > DEGRADED_AFTER_MS ? "degraded" : "healthy"
}
