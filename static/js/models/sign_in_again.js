import { sentenceFor } from "../helpers/sentences.js"

// A session that ended in the middle of things: asks for the password without leaving the page.
export class SignInAgain {
  #dialog
  #form
  #api
  #user

  constructor({ dialog, api, user }) {
    this.#dialog = dialog
    this.#form = dialog.querySelector("form")
    this.#api = api
    this.#user = user
    api.whenSignedOut(() => this.#ask())
  }

  #ask() {
    this.#complain("")
    this.#dialog.showModal()
    this.#form.elements.password.focus()
    return new Promise(resolve => {
      const end = answer => {
        this.#form.onsubmit = null
        this.#dialog.onclose = null
        this.#form.reset()
        this.#dialog.close()
        resolve(answer)
      }
      this.#form.onsubmit = event => { event.preventDefault(); this.#signIn(end) }
      this.#form.querySelector("[data-action=cancel]").onclick = () => end(false)
      this.#dialog.onclose = () => end(false)
    })
  }

  async #signIn(end) {
    const { email, password } = this.#form.elements
    try {
      const { user } = await this.#api.signIn({ email: email.value, password: password.value })
      if (user.id !== this.#user) return location.assign(this.#api.homePage)
      end(true)
    } catch (error) {
      this.#complain(sentenceFor(error))
      password.select()
    }
  }

  #complain(sentence) {
    const place = this.#form.querySelector(".form-error")
    place.textContent = sentence
    place.hidden = !sentence
  }
}
