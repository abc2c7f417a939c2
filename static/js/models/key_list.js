import { cloneTemplate } from "../helpers/dom.js"
import { sentenceFor } from "../helpers/sentences.js"

// The API keys of the settings page. A new key's text is on the page once, until it is left.
export class KeyList {
  #element
  #fresh
  #api
  #toasts

  constructor({ element, fresh, api, toasts }) {
    this.#element = element
    this.#fresh = fresh
    this.#api = api
    this.#toasts = toasts
    element.addEventListener("click", event => this.#press(event.target.closest("[data-action=revoke-key]")))
  }

  async create(body) {
    const key = await this.#api.createKey(body)
    const row = cloneTemplate("key-template")
    row.dataset.id = key.id
    row.querySelector(".key-name").textContent = key.name
    row.querySelector("code").textContent = `${key.prefix}…`
    row.querySelector(".key-facts span").textContent = `never used · expires ${key.expiresAt ? new Date(key.expiresAt).toLocaleDateString() : "never"}`
    row.querySelector("button").setAttribute("aria-label", `Revoke ${key.name}`)
    this.#element.prepend(row)
    this.#fresh.hidden = false
    this.#fresh.querySelector("code").textContent = key.key
  }

  async #press(button) {
    if (!button) return
    const row = button.closest(".key-row")
    try {
      await this.#api.revokeKey(row.dataset.id)
      row.remove()
      this.#toasts.show("Key revoked", "success")
    } catch (error) {
      this.#toasts.show(sentenceFor(error), "error")
    }
  }
}
