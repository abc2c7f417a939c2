const EVERY_MS = 10_000
const SETTLES_IN_MS = 150
const HIDDEN_FOR_GOOD_MS = 15_000

// Notices what other tabs and devices do: other tabs of this browser tell at once, the server is asked now and then,
// both only while the page is seen.
export class Watch {
  #look
  #sleep
  #wake
  #channel = new BroadcastChannel("macrochat-chats")
  #timer = null
  #soon = null
  #hidden = null

  constructor({ look, sleep, wake }) {
    this.#look = look
    this.#sleep = sleep
    this.#wake = wake
    this.#channel.onmessage = () => this.#lookSoon()
    document.addEventListener("visibilitychange", () => document.hidden ? this.#leave() : this.#return())
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

  #lookSoon() {
    clearTimeout(this.#soon)
    this.#soon = setTimeout(() => this.#lookOnce(), SETTLES_IN_MS)
  }

  async #lookOnce() {
    if (document.hidden || !navigator.onLine) return this.#schedule()
    await this.#look().catch(() => {})
    this.#schedule()
  }

  #schedule() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lookOnce(), EVERY_MS)
  }
}
