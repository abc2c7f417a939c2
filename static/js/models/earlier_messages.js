// The button above the first message of a chat that is longer than a page shows. What was read stays where it is.
export class EarlierMessages {
  #button
  #scroller
  #session
  #toasts

  constructor({ button, scroller, session, toasts }) {
    this.#button = button
    this.#scroller = scroller
    this.#session = session
    this.#toasts = toasts
    button.addEventListener("click", () => this.#load())
    session.addEventListener("messages", () => { button.hidden = !session.hasEarlier })
  }

  async #load() {
    const { scrollHeight, scrollTop } = this.#scroller
    this.#button.disabled = true
    try {
      await this.#session.showEarlier()
      this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight
    } catch {
      this.#toasts.show("The earlier messages could not be loaded", "error")
    } finally {
      this.#button.disabled = false
    }
  }
}
