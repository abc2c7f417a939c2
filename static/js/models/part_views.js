import { cloneTemplate } from "../helpers/dom.js"
import { MarkdownStream, renderMarkdown } from "../markdown/stream.js"
import { ThoughtView } from "./thought_view.js"

// What a reply is made of, on the page: its thoughts, texts and seams, as children of its <article>, in order and before
// everything else there. There is always a text at the end: where words will come in.
export class PartViews {
  #article
  #preference
  #views = []
  #isLive = false

  constructor(article, { preference }) {
    this.#article = article
    this.#preference = preference
  }

  // Whether more may come.
  get isLive() {
    return this.#isLive
  }

  thoughtIn(element) {
    return this.#views.find(view => view.element === element)?.part.text
  }

  // All of a reply that has ended.
  draw(parts) {
    this.#clear()
    for (const part of parts) this.#add(part).draw()
    this.#endForGood()
  }

  // Gets ready for what has come last: the last of `parts` is new, or has grown.
  follow(parts) {
    if (!this.#isLive) {
      this.#isLive = true
      this.#clear()
      for (const part of parts.slice(0, -1)) this.#add(part).draw()
    }
    const last = parts.at(-1)
    if (this.#views.at(-1)?.part === last) return
    this.#views.at(-1)?.end()
    this.#add(last).begin()
  }

  append(text) {
    this.#views.at(-1).grow(text)
  }

  think(text) {
    this.#views.at(-1).grow(text)
  }

  // `parts` win over what was drawn.
  finish(parts) {
    this.#isLive = false
    this.#views.at(-1)?.end()
    if (parts.length !== this.#views.length) this.draw(parts)
    else this.#endForGood()
  }

  #clear() {
    this.#views = []
    for (const element of this.#article.querySelectorAll(":scope > :is(.message-body, .thought, .seam)")) element.remove()
    this.#endWithText()
  }

  #add(part) {
    const view = new (VIEWS[part.type] ?? SeamPart)(part, { preference: this.#preference, body: this.#waiting })
    this.#views.push(view)
    if (part.type !== "text") {
      this.#waiting.before(view.element)
    } else {
      delete view.element.dataset.waiting
    }
    return view
  }

  // The text that is to come, still without a word.
  get #waiting() {
    this.#endWithText()
    return this.#article.querySelector(":scope > .message-body[data-waiting]")
  }

  #endWithText() {
    if (this.#article.querySelector(":scope > .message-body[data-waiting]")) return
    const body = newBody()
    const rest = this.#article.querySelector(":scope > :not(.message-body, .thought, .seam)")
    rest ? rest.before(body) : this.#article.append(body)
  }

  // A reply that ends with words needs no more room for some.
  #endForGood() {
    const bodies = this.#article.querySelectorAll(":scope > .message-body")
    if (bodies.length > 1) this.#article.querySelector(":scope > .message-body[data-waiting]")?.remove()
  }
}

class TextPart {
  #stream = null

  constructor(part, { body }) {
    this.part = part
    this.element = body
  }

  draw() {
    this.element.replaceChildren(renderMarkdown(this.part.text))
  }

  begin() {
    this.#stream = new MarkdownStream(this.element, { reveal: true })
  }

  grow(text) {
    if (!this.#stream) this.begin()
    if (this.#stream.text === "" && this.part.text !== text) this.#stream.reset(this.part.text.slice(0, -text.length))
    this.#stream.append(text)
  }

  end() {
    this.#stream?.finish(this.part.text)
    this.#stream = null
  }
}

class ThoughtPart {
  #view

  constructor(part, { preference }) {
    this.part = part
    this.#view = new ThoughtView(part, { preference })
    this.element = this.#view.element
  }

  draw() {}

  begin() {}

  grow(text) {
    this.#view.grow(text)
  }

  end() {
    this.#view.end()
  }
}

// Where a step was begun again.
class SeamPart {
  constructor(part) {
    this.part = part
    this.element = cloneTemplate(part.hurried ? "hurried-seam-template" : "seam-template")
  }

  draw() {}

  begin() {}

  grow() {}

  end() {}
}

const VIEWS = { reasoning: ThoughtPart, text: TextPart, restart: SeamPart }

function newBody() {
  const body = document.createElement("div")
  body.className = "message-body"
  body.dir = "auto"
  body.dataset.waiting = ""
  return body
}
