// Time that passes only when a test says so.
export class FakeClock {
  #now = 1_000_000
  #timers = new Map()
  #next = 1

  now = () => this.#now

  setTimeout = (callback, ms) => {
    this.#timers.set(this.#next, { at: this.#now + ms, callback })
    return this.#next++
  }

  clearTimeout = id => { this.#timers.delete(id) }

  get pending() {
    return this.#timers.size
  }

  // Lets `ms` pass, timer after timer, with time for promises between them.
  async advance(ms) {
    const end = this.#now + ms
    await settle()
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0]
      if (!due) break
      this.#timers.delete(due[0])
      this.#now = Math.max(this.#now, due[1].at)
      due[1].callback()
      await settle()
    }
    this.#now = end
  }
}

export async function settle(rounds = 12) {
  for (let round = 0; round < rounds; round++) await new Promise(resolve => setImmediate(resolve))
}
