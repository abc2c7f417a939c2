import { privateName } from "../helpers/storage.js"

const KEY_LIFETIME_MS = 20 * 3600 * 1000

// Messages whose sending no server has acknowledged yet: { key, chatId, text, at }. The key makes a second sending harmless,
// for as long as the server remembers keys (24 h).
export class Outbox {
  #storage
  #now
  #user

  constructor({ storage, user, now = Date.now }) {
    this.#storage = storage
    this.#user = user
    this.#now = now
  }

  put({ key, chatId, text }) {
    try {
      this.#storage.setItem(this.#name(key), JSON.stringify({ key, chatId, text, at: this.#now() }))
    } catch {
      // Without storage a message is lost only if the page is closed before it is sent.
    }
  }

  remove(key) {
    try {
      this.#storage.removeItem(this.#name(key))
    } catch {
      // Nothing was kept, so nothing is to be removed.
    }
  }

  // Oldest first. `stale` ones are too old to repeat safely.
  waiting(chatId) {
    return this.#entries()
      .filter(entry => (entry.chatId ?? null) === (chatId ?? null))
      .sort((a, b) => a.at - b.at)
      .map(entry => ({ ...entry, stale: this.#now() - entry.at > KEY_LIFETIME_MS }))
  }

  #entries() {
    try {
      return Object.keys(this.#storage)
        .filter(name => name.startsWith(this.#name("")))
        .map(name => JSON.parse(this.#storage.getItem(name)))
    } catch {
      return []
    }
  }

  #name(key) {
    return privateName("outbox", this.#user, key)
  }
}
