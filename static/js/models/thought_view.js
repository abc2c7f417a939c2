import { cloneTemplate, setText } from "../helpers/dom.js"
import { MarkdownStream, renderMarkdown } from "../markdown/stream.js"
import { gistOf, thinkingFor, thoughtFor } from "../helpers/thoughts.js"

const TICK_MS = 1000

// One thought on the page: a <details> with a calm line (a clock, and what the thought has come to) over the thought
// itself, which is drawn only while it is open. `preference` remembers whether a person likes them open.
export class ThoughtView {
  #part
  #preference
  #body
  #stream = null
  #timer = null
  #began

  constructor(part, { preference, element = cloneTemplate("thought-template") }) {
    this.#part = part
    this.#preference = preference
    this.element = element
    this.#body = element.querySelector(".thought-body")
    element.open = preference.isOpen
    element.addEventListener("toggle", () => this.#toggle())
    element.querySelector("summary").addEventListener("click", () => preference.remember(!element.open))
    this.#settle()
    this.#toggle()
  }

  get text() {
    return this.#part.text
  }

  // More of it has come: it is being thought right now.
  grow(text) {
    this.#live()
    if (this.element.open) this.#opened().append(text)
    setText(this.element.querySelector(".thought-gist"), gistOf(this.#part.text))
  }

  // No more comes of it.
  end() {
    if (this.#timer !== null) {
      clearInterval(this.#timer)
      this.#part.endedAt = this.#part.startedAt + Date.now() - this.#began
    }
    this.#timer = null
    delete this.element.dataset.live
    this.#settle()
    this.#stream?.finish(this.#part.text)
    this.#stream = null
  }

  #live() {
    if (this.#timer !== null) return
    this.#began = Math.min(this.#part.startedAt ?? Date.now(), Date.now())
    this.element.dataset.live = ""
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#tick()
  }

  #tick() {
    if (!this.element.isConnected) return this.end()
    setText(this.#label, thinkingFor(Date.now() - this.#began))
  }

  #settle() {
    const { startedAt, endedAt } = this.#part
    setText(this.#label, thoughtFor(startedAt === null ? null : endedAt - startedAt))
    setText(this.element.querySelector(".thought-gist"), "")
  }

  get #label() {
    return this.element.querySelector(".thought-label")
  }

  #toggle() {
    if (!this.element.open) return
    if (this.#timer !== null) this.#opened()
    else if (!this.#stream) this.#body.replaceChildren(renderMarkdown(this.#part.text))
    delete this.#body.dataset.plain
  }

  #opened() {
    if (this.#stream) return this.#stream
    delete this.#body.dataset.plain
    this.#body.replaceChildren()
    this.#stream = new MarkdownStream(this.#body)
    this.#stream.reset(this.#part.text)
    return this.#stream
  }
}

// Whether a person likes to see thoughts. `storage` is theirs, in this browser.
export class ThoughtPreference {
  #storage
  #name

  constructor({ storage, name }) {
    this.#storage = storage
    this.#name = name
  }

  get isOpen() {
    return this.#storage.getItem(this.#name) === "open"
  }

  remember(isOpen) {
    this.#storage.setItem(this.#name, isOpen ? "open" : "folded")
  }
}
