import { sentenceFor } from "../helpers/sentences.js"

// A form that talks to the API: one submission at a time, complaints beside it, emptied when it has succeeded.
export class SettingsForm {
  #form
  #submit

  constructor({ form, submit }) {
    this.#form = form
    this.#submit = submit
    form.addEventListener("submit", event => { event.preventDefault(); this.#send() })
  }

  async #send() {
    const button = this.#form.querySelector("button:not([type=button])")
    if (button.disabled) return
    button.disabled = true
    this.#complain("")
    try {
      await this.#submit(Object.fromEntries(new FormData(this.#form)))
      this.#form.reset()
    } catch (error) {
      this.#complain(sentenceFor(error))
    } finally {
      button.disabled = false
    }
  }

  #complain(sentence) {
    const place = this.#form.querySelector(".form-error")
    place.textContent = sentence
    place.hidden = !sentence
  }
}
