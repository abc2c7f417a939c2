import { privateName } from "../helpers/storage.js"

const WORDS = { none: "No thinking", minimal: "Minimal", low: "Low", medium: "Medium", high: "High", xhigh: "Highest" }

// How long the chosen model shall think: there for models that can be asked. What a person has chosen is remembered by
// model, in this browser.
export class EffortPicker {
  #select
  #picker
  #storage
  #user

  constructor({ select, picker, storage, user }) {
    this.#select = select
    this.#picker = picker
    this.#storage = storage
    this.#user = user
    select.addEventListener("change", () => this.#remember())
    picker.addEventListener("change", () => this.#draw())
    this.#draw()
  }

  // Undefined leaves it to the model.
  get chosen() {
    return this.#select.value || undefined
  }

  #draw() {
    const { id, efforts = [] } = this.#picker.model ?? {}
    document.body.dataset.efforts = efforts.length > 0 ? "yes" : "no"
    this.#select.parentElement.hidden = efforts.length === 0
    this.#select.replaceChildren(new Option("Thinking: auto", ""), ...efforts.map(effort => new Option(`Thinking: ${WORDS[effort] ?? effort}`, effort)))
    const kept = id === undefined ? null : this.#storage.getItem(this.#nameFor(id))
    this.#select.value = efforts.includes(kept) ? kept : ""
  }

  #remember() {
    const { id } = this.#picker.model ?? {}
    if (id !== undefined) this.#storage.setItem(this.#nameFor(id), this.#select.value)
  }

  #nameFor(model) {
    return privateName("effort", this.#user, model)
  }
}
