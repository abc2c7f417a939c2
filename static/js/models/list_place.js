// Where the list of chats stands: as high or low as when the page before was left; with the current chat in sight at least.
export class ListPlace {
  #list
  #storage
  #name
  #wanted = null

  constructor({ list, storage, name }) {
    this.#list = list
    this.#storage = storage
    this.#name = name
    list.addEventListener("click", event => { this.#wanted = event.target.closest(".chat-link")?.closest(".chat-row") })
    addEventListener("pagehide", () => this.#keep())
    // A drawer has no size before it opens.
    list.closest("[popover]")?.addEventListener("toggle", ({ newState }) => { if (newState === "open") this.#show(this.#current) })
  }

  restore(id, items) {
    const item = items.get(id)
    if (!item) return
    const kept = this.#read()
    if (kept?.id === id && this.#list.clientHeight) this.#list.scrollTop += this.#heightOf(item) - kept.height
    this.#show(item)
  }

  get #current() {
    return this.#list.querySelector("[aria-current]")?.closest(".chat-row")
  }

  #show(item) {
    if (!item || !this.#list.clientHeight) return
    const height = this.#heightOf(item)
    const isInSight = height >= 0 && height + item.offsetHeight <= this.#list.clientHeight
    if (!isInSight) this.#list.scrollTop += height - this.#list.clientHeight / 2
  }

  // The chat that is opened next, or the one that is open.
  #keep() {
    const item = this.#wanted ?? this.#current
    if (!item || !this.#list.clientHeight) return
    try {
      this.#storage.setItem(this.#name, JSON.stringify({ id: item.dataset.chatId, height: this.#heightOf(item) }))
    } catch {
      // The chat is in sight all the same.
    }
  }

  #read() {
    try {
      return JSON.parse(this.#storage.getItem(this.#name))
    } catch {
      return null
    }
  }

  #heightOf(item) {
    return item.getBoundingClientRect().top - this.#list.getBoundingClientRect().top
  }
}
