import { privateName } from "../helpers/storage.js"

const KEY_LIFETIME_MS = 20 * 3600 * 1000
const RECEIPT_LIFETIME_MS = 10 * 60 * 1000

// Messages on their way: { key, chatId, text, at }. The key makes a second sending harmless, for as long as the server
// remembers keys (24 h). Those that a server has acknowledged, with { userMessageId, replyId }, are kept for ten minutes more: a database
// that fails over to a copy that lagged has lost the newest.
export class Outbox {
  #storage
  #now
  #user

  constructor({ storage, user, now = Date.now }) {
    this.#storage = storage
    this.#user = user
    this.#now = now
  }

  put(entry) {
    try {
      this.#storage.setItem(this.#name(entry.key), JSON.stringify({ ...entry, at: this.#now() }))
    } catch {
      // Without storage a message is lost only if the page is closed before it is sent.
    }
  }

  acknowledge(key, ids) {
    const entry = this.#entries().find(entry => entry.key === key)
    if (entry) this.put({ ...entry, ...ids })
  }

  forgetChat(chatId) {
    for (const entry of this.#entries()) if (entry.chatId === chatId) this.remove(entry.key)
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
      .filter(entry => !entry.replyId && (entry.chatId ?? null) === (chatId ?? null))
      .sort((a, b) => a.at - b.at)
      .map(entry => ({ ...entry, stale: this.#now() - entry.at > KEY_LIFETIME_MS }))
  }

  // Of one chat, or of all.
  acknowledged(chatId) {
    const receipts = this.#entries().filter(entry => entry.replyId)
    const isOld = ({ at }) => this.#now() - at > RECEIPT_LIFETIME_MS
    for (const { key } of receipts.filter(isOld)) this.remove(key)
    return receipts.filter(entry => !isOld(entry) && (!chatId || entry.chatId === chatId)).sort((a, b) => a.at - b.at)
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
