const SOON_MS = 10_000
const LATEST_MS = 300_000
const BUSY_FOR_MS = 60_000
const SETTLES_IN_MS = 150
const HIDDEN_FOR_GOOD_MS = 15_000
const SIGNS_OF_LIFE = ["pointermove", "pointerdown", "keydown", "wheel", "touchmove", "focus"]

// Notices what other tabs and devices do: other tabs of this browser tell at once, the server is asked now and then, both
// only while the page is seen. Where nothing happens the server is asked less and less, every five minutes in the end; a
// touch, a key or a movement of the mouse is answered by a look. While the page `isBusy` something happens.
export class Watch {
  #look
  #sleep
  #wake
  #isBusy
  #now
  #channel = new BroadcastChannel("macrochat-chats")
  #timer = null
  #soon = null
  #hidden = null
  #lookedAt
  #livelyAt

  constructor({ look, sleep, wake, isBusy, now = Date.now }) {
    this.#look = look
    this.#sleep = sleep
    this.#wake = wake
    this.#isBusy = isBusy
    this.#now = now
    this.#lookedAt = this.#livelyAt = now()
    this.#channel.onmessage = () => this.#lookSoon()
    document.addEventListener("visibilitychange", () => document.hidden ? this.#leave() : this.#return())
    for (const sign of SIGNS_OF_LIFE) addEventListener(sign, () => this.#stir(), { passive: true, capture: true })
    addEventListener("online", () => this.#return())
    addEventListener("offline", () => this.#wake())
    this.#schedule()
  }

  // Something changed here: the other tabs should know.
  tell() {
    this.#channel.postMessage("changed")
  }

  #leave() {
    clearTimeout(this.#hidden)
    this.#hidden = setTimeout(() => this.#sleep(), HIDDEN_FOR_GOOD_MS)
  }

  #return() {
    clearTimeout(this.#hidden)
    if (document.hidden) return
    this.#wake()
    this.#lookSoon()
  }

  #stir() {
    const wasQuiet = this.#now() - this.#livelyAt > BUSY_FOR_MS
    this.#livelyAt = this.#now()
    if (this.#livelyAt - this.#lookedAt > SOON_MS) this.#lookSoon()
    else if (wasQuiet) this.#schedule()
  }

  #lookSoon() {
    this.#livelyAt = this.#lookedAt = this.#now()
    clearTimeout(this.#soon)
    this.#soon = setTimeout(() => this.#lookOnce(), SETTLES_IN_MS)
  }

  async #lookOnce() {
    this.#lookedAt = this.#now()
    if (!document.hidden && navigator.onLine && await this.#look().catch(() => false)) this.#livelyAt = this.#now()
    this.#schedule()
  }

  // Ten seconds while something happens; from a minute later on a sixth of the time in which nothing has.
  #schedule() {
    clearTimeout(this.#timer)
    if (document.hidden) return
    const quiet = this.#isBusy() ? 0 : this.#now() - this.#livelyAt
    this.#timer = setTimeout(() => this.#lookOnce(), Math.min(LATEST_MS, Math.max(SOON_MS, quiet * SOON_MS / BUSY_FOR_MS)))
  }
}
