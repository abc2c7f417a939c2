import { privateName } from "../helpers/storage.js"

const NEW_CHAT = "new"

// Unsent text, one draft a chat, kept by the browser. Without storage (private windows, full disks) it lives as long as the page.
export class Drafts {
  #storage
  #memory = new Map()

  constructor({ storage, user }) {
    this.#storage = storage
    this.user = user
  }

  read(chatId) {
    try {
      return this.#storage.getItem(this.#name(chatId)) ?? ""
    } catch {
      return this.#memory.get(this.#name(chatId)) ?? ""
    }
  }

  write(chatId, text) {
    const name = this.#name(chatId)
    this.#memory.set(name, text)
    try {
      if (text) this.#storage.setItem(name, text)
      else this.#storage.removeItem(name)
    } catch {
      // The text is still in memory and in the textbox.
    }
  }

  #name(chatId) {
    return privateName("draft", this.user, chatId ?? NEW_CHAT)
  }
}
