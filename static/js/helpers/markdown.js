import { build } from "./markdown-dom.js"
import { MarkdownDocument } from "./markdown-document.js"
import { parse } from "./markdown-parser.js"
import { normalizeNewlines } from "./markdown-text.js"
import { Reveal, graphemeBorder } from "./reveal.js"

const HIDDEN_INTERVAL_MS = 250

/** The nodes of a whole Markdown text, for messages that are already there. */
export function renderMarkdown(text) {
  const { tokens } = parse(normalizeNewlines(text))
  return build(tokens, document.createDocumentFragment())
}

/**
 * Markdown that streams into `element`, drawn at most once per animation frame. With `reveal` the text comes into
 * sight at the pace of the stream, never more than 400 ms behind it. After finish() the element holds exactly what
 * renderMarkdown gives for the whole text.
 */
export class MarkdownStream {
  #document
  #reveal
  #pace = new Reveal()
  #now
  #requestFrame
  #text = ""
  #shown = 0
  #scheduled = null

  constructor(element, { reveal = false, now = () => performance.now(), requestFrame = nextFrame, foldAbove } = {}) {
    this.#document = new MarkdownDocument(element, { foldAbove })
    this.#reveal = reveal
    this.#now = now
    this.#requestFrame = requestFrame
  }

  /** Everything that has arrived. */
  get text() {
    return this.#text
  }

  /** The Markdown source of what the reader sees. */
  get visibleText() {
    return this.#text.slice(0, this.#shown)
  }

  /** How many UTF-16 units have arrived and are not shown yet. */
  get pending() {
    return this.#text.length - this.#shown
  }

  append(text) {
    this.#text += text
    this.#pace.arrive(this.#text.length, this.#now())
    this.#schedule()
  }

  /** The text is whole: shows all of it at once. `fullText` wins over what was appended, if it differs. */
  finish(fullText = this.#text) {
    if (!fullText.startsWith(this.visibleText)) this.#restart()
    this.#text = fullText
    this.#show(fullText.length)
    this.#document.end()
  }

  /** Starts again with `text`, all of it shown at once. */
  reset(text = "") {
    this.#restart()
    this.#text = text
    this.#pace.arrive(text.length, this.#now())
    this.#pace.showAll()
    this.#show(text.length)
  }

  #restart() {
    this.#document.reset()
    this.#pace = new Reveal()
    this.#shown = 0
  }

  #schedule() {
    const scheduled = {}
    if (this.#scheduled) return
    this.#scheduled = scheduled
    this.#requestFrame(() => {
      if (this.#scheduled !== scheduled) return
      this.#scheduled = null
      this.#draw()
    })
  }

  #draw() {
    const paced = this.#reveal && !document.hidden && !prefersReducedMotion()
    const target = paced ? this.#pace.visible(this.#now()) : this.#pace.showAll()
    this.#show(graphemeBorder(this.#text, this.#shown, target))
    if (this.pending) this.#schedule()
  }

  #show(end) {
    if (end <= this.#shown) return
    const text = this.#text.slice(this.#shown, end)
    this.#shown = end
    this.#document.write(text)
  }
}

function prefersReducedMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches
}

/** Animation frames stop in a background tab; a slow timer goes on. */
function nextFrame(draw) {
  if (document.hidden) setTimeout(draw, HIDDEN_INTERVAL_MS)
  else requestAnimationFrame(draw)
}
