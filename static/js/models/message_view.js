import { cloneTemplate, setText } from "../helpers/dom.js"
import { isFinal } from "../helpers/judgement.js"
import { renderMarkdown } from "../markdown/stream.js"
import { hasThought } from "../helpers/parts.js"
import { isWorthRetrying, noticeFor, problemOf } from "../helpers/sentences.js"
import { PartViews } from "./part_views.js"

// One message on the page: an <article>, its text in .message-body, its facts in data attributes. A reply may be more:
// thoughts and seams stand before and between its texts (PartViews).
export class MessageView {
  #message
  #parts = null
  #preference
  #shown = null

  constructor(message, { preference, element = cloneTemplate(`${message.role}-message-template`) } = {}) {
    this.#message = message
    this.#preference = preference
    this.element = element
    if (message.role === "user" && this.body.textContent !== message.content) this.body.textContent = message.content
  }

  get message() {
    return this.#message
  }

  // Of its last text.
  get body() {
    return [...this.element.querySelectorAll(":scope > .message-body")].at(-1)
  }

  get cursor() {
    return this.element.querySelector(".streaming-cursor")
  }

  // The thought that a button belongs to.
  thoughtAround(button) {
    return this.#parts?.thoughtIn(button.closest(".thought")) ?? ""
  }

  // A stored message becomes whole when it comes near the screen: its buttons, and Markdown for a reply.
  draw() {
    this.update()
    const text = this.#message.content
    if (this.#message.role === "user" || this.#parts?.isLive || this.#shown === text) return
    this.#shown = text
    this.#parts = this.#newParts()
    this.#parts.draw(this.#message.parts)
  }

  // Another device may have changed what is drawn already.
  redraw() {
    if (this.#shown !== null) this.draw()
  }

  append(text) {
    this.#live().append(text)
  }

  think(text) {
    this.element.dataset.thought = "yes"
    this.#live().think(text)
  }

  restart() {
    this.#live()
  }

  reset() {
    this.#parts = this.#newParts()
    this.#parts.draw([])
    this.#shown = null
  }

  update() {
    this.#furnish()
    const { id, status, bytes, model, finishReason } = this.#message
    const retry = isWorthRetrying(this.#message) ? "yes" : "no"
    const facts = {
      messageId: id, status, bytes: bytes ?? "", model: model ?? "", finish: finishReason ?? "",
      problem: problemOf(this.#message), retry, thought: hasThought(this.#message) ? "yes" : "no",
    }
    for (const [name, value] of Object.entries(facts)) {
      if (this.element.dataset[name] !== String(value)) this.element.dataset[name] = value
    }
    if (isFinal(status) && this.#parts?.isLive) this.#finish()
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

  #newParts() {
    return new PartViews(this.element, { preference: this.#preference })
  }

  // Something has been added to the message's parts already.
  #live() {
    if (!this.#parts) {
      this.#parts = this.#newParts()
      this.#shown = null
    }
    this.#parts.follow(this.#message.parts)
    return this.#parts
  }

  #finish() {
    this.#shown = this.#message.content
    this.#parts.finish(this.#message.parts)
  }
}
