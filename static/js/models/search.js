const PAUSE_MS = 180

// The search box of the sidebar: asks the server when the typing pauses.
export class Search {
  #input
  #chats
  #sidebar
  #timer = null

  constructor({ input, chats, sidebar }) {
    this.#input = input
    this.#chats = chats
    this.#sidebar = sidebar
    input.addEventListener("input", () => this.#later())
    input.addEventListener("keydown", event => this.#press(event))
    input.form.addEventListener("submit", event => { event.preventDefault(); this.#ask() })
    if (input.value) chats.search(input.value).catch(() => {})
  }

  focus() {
    this.#sidebar.show()
    this.#input.focus()
    this.#input.select()
  }

  #press(event) {
    if (event.key !== "Escape" || !this.#input.value) return
    event.preventDefault()
    this.#input.value = ""
    this.#ask()
  }

  #later() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ask(), PAUSE_MS)
  }

  #ask() {
    clearTimeout(this.#timer)
    this.#chats.search(this.#input.value).catch(() => {})
  }
}
