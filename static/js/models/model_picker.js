import { sentenceFor } from "../helpers/sentences.js"

// Which model answers. The list is asked for when the page is there: a model's server may take its time.
// Tells by `change` that another model is chosen, or that more is known of it.
export class ModelPicker extends EventTarget {
  #select
  #api
  #session
  #toasts
  #chosen
  #models = null
  #told
  #isSaving = false

  constructor({ select, api, session, toasts }) {
    super()
    this.#select = select
    this.#api = api
    this.#session = session
    this.#toasts = toasts
    this.#chosen = select.value
    select.addEventListener("change", () => this.#choose())
    session.addEventListener("settled", () => { if (this.#models?.length === 0) this.#load().catch(() => {}) })
    session.addEventListener("messages", () => this.#follow())
    this.#load().catch(() => {})
  }

  // Undefined leaves the choice to the server.
  get chosen() {
    return this.#chosen || undefined
  }

  // What is known of the model that answers: { id, name, efforts }; undefined until the list has come.
  get model() {
    return this.#models?.find(({ id }) => id === this.#select.value)
  }

  async #load() {
    this.#models = await this.#api.listModels()
    this.#draw()
  }

  #draw() {
    if (this.#models.length === 0) return this.#tellNone()
    const fallback = this.#models.find(model => model.default) ?? this.#models[0]
    const isListed = !this.#chosen || this.#models.some(({ id }) => id === this.#chosen)
    const unknown = isListed ? [] : [new Option(this.#chosen, this.#chosen)]
    this.#select.replaceChildren(...unknown, ...this.#models.map(({ id, name }) => new Option(name, id)))
    this.#select.value = this.#chosen || fallback.id
    this.#select.disabled = this.#select.options.length < 2
    this.#tell()
  }

  #tellNone() {
    if (!this.#chosen) this.#select.replaceChildren(new Option("No models", ""))
  }

  // Another device has chosen when the server says something else of the chat than before.
  #follow() {
    const model = this.#session.chat?.model
    if (this.#isSaving || model === this.#told) return
    this.#told = model
    if (model === undefined || (model ?? "") === this.#chosen) return
    this.#chosen = model ?? ""
    if (this.#models) this.#draw()
  }

  async #choose() {
    const before = this.#chosen
    this.#chosen = this.#select.value
    this.#tell()
    if (!this.#session.chat) return
    this.#isSaving = true
    try {
      await this.#api.updateChat(this.#session.chat.id, { model: this.#chosen })
      this.#told = this.#session.chat.model
    } catch (error) {
      this.#chosen = before
      this.#select.value = before
      this.#tell()
      this.#toasts.show(sentenceFor(error), "error")
    } finally {
      this.#isSaving = false
    }
  }

  #tell() {
    this.dispatchEvent(new Event("change"))
  }
}
