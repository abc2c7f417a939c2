import { isCurable, retryDelay } from "../helpers/backoff.js"
import { systemClock } from "../helpers/clock.js"
import { withResolver } from "../helpers/promises.js"

const MAX_RETRIES = 3

// When to try again, and when to stop trying: at most three retries in a row, later each time; progress starts the count afresh.
export class ErrorRecovery {
  #clock
  #random
  #changed
  #log
  #retryCount = 0
  #retryAt = 0
  #asked = false
  #waiting = null
  #isExhausted = false

  constructor({ clock = systemClock, random = Math.random, changed = () => {}, log = console } = {}) {
    this.#clock = clock
    this.#random = random
    this.#changed = changed
    this.#log = log
  }

  get retryCount() {
    return this.#retryCount
  }

  get maxRetries() {
    return MAX_RETRIES
  }

  get isRecovering() {
    return this.#waiting !== null && !this.#isExhausted
  }

  get isExhausted() {
    return this.#isExhausted
  }

  // The server itself said when to come back.
  get isAskedToWait() {
    return this.#asked
  }

  get canRetry() {
    return this.#retryCount < MAX_RETRIES
  }

  // Milliseconds until the next try.
  get waitsFor() {
    return this.isRecovering ? Math.max(0, this.#retryAt - this.#clock.now()) : 0
  }

  // Resolves to true when it is time to try again, to false when trying again is no use.
  async handleStreamingError(error) {
    this.#log.warn?.("[StreamingErrorRecovery]: Error occurred", error.message)
    if (!this.canRetry || this.#waiting || !isCurable(error)) return false
    const delay = retryDelay(this.#retryCount, { retryAfter: error.retryAfter, random: this.#random })
    this.#retryCount += 1
    this.#retryAt = this.#clock.now() + delay
    this.#asked = error.retryAfter > 0
    await this.#wait(delay)
    return true
  }

  // After the last retry: waits until a person, the returning line or the waking tab asks for another round.
  async rescue() {
    this.#isExhausted = true
    this.#asked = false
    await this.#wait(null)
    this.resetRetryCount()
  }

  // `polite` leaves a wait alone that the server asked for.
  retryNow({ polite = false } = {}) {
    if (polite && this.#asked) return
    this.#waiting?.resolve()
  }

  resetRetryCount() {
    if (this.#retryCount === 0) return
    this.#retryCount = 0
    this.#changed()
  }

  #wait(delay) {
    const waiting = withResolver()
    const timer = delay === null ? null : this.#clock.setTimeout(waiting.resolve, delay)
    this.#waiting = waiting
    this.#changed()
    return waiting.promise.then(() => {
      if (timer !== null) this.#clock.clearTimeout(timer)
      this.#waiting = null
      this.#isExhausted = false
      this.#changed()
    })
  }
}
