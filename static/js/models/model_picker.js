import { sentenceFor } from "../helpers/sentences.js"

// Which model answers. The list is asked for when the page is there: a model's server may take its time.
export class ModelPicker {
  #select
  #api
  #session
  #toasts
  #chosen
  #isEmpty = false

  constructor({ select, api, session, toasts }) {
    this.#select = select
    this.#api = api
    this.#session = session
    this.#toasts = toasts
    this.#chosen = select.value
    select.addEventListener("change", () => this.#choose())
    session.addEventListener("settled", () => { if (this.#isEmpty) this.#load().catch(() => {}) })
    this.#load().catch(() => {})
  }

  // Undefined leaves the choice to the server.
  get chosen() {
    return this.#chosen || undefined
  }

  async #load() {
    const models = await this.#api.listModels()
    this.#isEmpty = models.length === 0
    if (this.#isEmpty) return this.#tellNone()
    const current = models.find(({ id }) => id === this.#chosen) ?? models.find(model => model.default) ?? models[0]
    const unknown = this.#chosen && current.id !== this.#chosen ? [new Option(this.#chosen, this.#chosen)] : []
    this.#select.replaceChildren(...unknown, ...models.map(({ id, name }) => new Option(name, id)))
    this.#select.value = this.#chosen || current.id
    this.#select.disabled = this.#select.options.length < 2
  }

  #tellNone() {
    if (!this.#chosen) this.#select.replaceChildren(new Option("No models", ""))
  }

  async #choose() {
    const before = this.#chosen
    this.#chosen = this.#select.value
    if (!this.#session.chat) return
    try {
      await this.#api.updateChat(this.#session.chat.id, { model: this.#chosen })
    } catch (error) {
      this.#chosen = before
      this.#select.value = before
      this.#toasts.show(sentenceFor(error), "error")
    }
  }
}
