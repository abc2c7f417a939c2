import { cloneTemplate, setText } from "../helpers/dom.js"
import { isFinal } from "../helpers/judgement.js"
import { MarkdownStream, renderMarkdown } from "../helpers/markdown.js"
import { isWorthRetrying, noticeFor, problemOf } from "../helpers/sentences.js"

// One message on the page: an <article>, its text in .message-body, its facts in data attributes.
export class MessageView {
  #message
  #body
  #stream = null
  #shown = null

  constructor(message, element = cloneTemplate(`${message.role}-message-template`)) {
    this.#message = message
    this.element = element
    this.#body = element.querySelector(".message-body")
    if (message.role === "user" && this.#body.textContent !== message.content) this.#body.textContent = message.content
  }

  get message() {
    return this.#message
  }

  get body() {
    return this.#body
  }

  get cursor() {
    return this.element.querySelector(".streaming-cursor")
  }

  // A stored message becomes whole when it comes near the screen: its buttons, and Markdown for a reply.
  draw() {
    this.update()
    const text = this.#message.content
    if (this.#message.role === "user" || this.#stream || this.#shown === text) return
    this.#shown = text
    delete this.#body.dataset.plain
    this.#body.replaceChildren(renderMarkdown(text))
  }

  // Another device may have changed what is drawn already.
  redraw() {
    if (this.#shown !== null) this.draw()
  }

  append(text) {
    this.#streamed(this.#message.content.slice(0, -text.length)).append(text)
  }

  reset() {
    this.#streamed("").reset("")
  }

  update() {
    this.#furnish()
    const { id, status, bytes, model, finishReason } = this.#message
    const retry = isWorthRetrying(this.#message) ? "yes" : "no"
    const facts = { messageId: id, status, bytes: bytes ?? "", model: model ?? "", finish: finishReason ?? "", problem: problemOf(this.#message), retry }
    for (const [name, value] of Object.entries(facts)) {
      if (this.element.dataset[name] !== String(value)) this.element.dataset[name] = value
    }
    if (isFinal(status) && this.#stream) this.#finish()
    const words = noticeFor(this.#message)
    const notice = this.element.querySelector(".message-notice")
    notice.hidden = words === ""
    setText(notice.querySelector(".message-notice-text"), words)
  }

  // The server leaves out of complete messages what only scripts use.
  #furnish() {
    if (this.element.querySelector(".message-actions")) return
    const parts = cloneTemplate(`${this.#message.role}-message-template`)
    parts.querySelector(".message-body").remove()
    this.element.append(...parts.childNodes)
  }

  #streamed(before) {
    if (this.#stream) return this.#stream
    delete this.#body.dataset.plain
    this.#body.replaceChildren()
    this.#shown = null
    this.#stream = new MarkdownStream(this.#body, { reveal: true })
    if (before) this.#stream.reset(before)
    return this.#stream
  }

  #finish() {
    this.#shown = this.#message.content
    this.#stream.finish(this.#shown)
    this.#stream = null
  }
}
