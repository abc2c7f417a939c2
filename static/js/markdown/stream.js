import { build } from "./dom.js"
import { MarkdownDocument } from "./document.js"
import { Frames } from "./frames.js"
import { colourCode } from "./highlight.js"
import { parse } from "./parser.js"
import { normalizeNewlines } from "./text.js"
import { Reveal, graphemeBorder } from "./pace.js"

// A frame takes steps of so much text until its time is up; the rest waits for the next one.
const STEP = 8192
const FRAME_BUDGET_MS = 10
const HIDDEN_BUDGET_MS = 100

/** The nodes of a whole Markdown text, for messages that are already there. */
export function renderMarkdown(text) {
  const { tokens } = parse(normalizeNewlines(text), {}, { ended: true })
  const fragment = build(tokens, document.createDocumentFragment())
  colourCode(fragment)
  return fragment
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
  #frames
  #text = ""
  #shown = 0
  #scheduled = false
  #ending = null
  #ended = false

  constructor(element, { reveal = false, now = () => performance.now(), requestFrame, foldAbove } = {}) {
    this.#document = new MarkdownDocument(element, { foldAbove })
    this.#reveal = reveal
    this.#now = now
    this.#frames = requestFrame ? { request: requestFrame, interval: 0 } : new Frames()
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

  /** More text. Also after finish(): a reply that was stopped can be continued. */
  append(text) {
    if (this.#ended) this.#reopen()
    this.#text += text
    this.#pace.arrive(this.#text.length, this.#now())
    this.#schedule()
  }

  /**
   * The text is whole: shows all of it. `fullText` wins over what was appended, if it differs. Usually done on return;
   * after a lot of text it takes some frames more. The promise tells.
   */
  finish(fullText = this.#text) {
    this.#replace(fullText)
    this.#ending ??= Promise.withResolvers()
    this.#draw()
    return this.#ending.promise
  }

  /** Starts again with `text`, shown without reveal. */
  reset(text = "") {
    this.#restart()
    this.#replace(text)
    this.#draw()
  }

  #replace(text) {
    if (!text.startsWith(this.visibleText)) this.#restart()
    this.#text = text
    this.#pace.arrive(text.length, this.#now())
    this.#pace.showAll()
  }

  #restart() {
    this.#document.reset()
    this.#pace = new Reveal()
    this.#shown = 0
    this.#reopen()
  }

  #reopen() {
    if (this.#ended) this.#ending = null
    this.#ended = false
  }

  #schedule() {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#frames.request(() => {
      this.#scheduled = false
      this.#draw()
    }, this.pending > STEP)
  }

  #draw() {
    const target = graphemeBorder(this.#text, this.#shown, this.#target())
    const deadline = this.#now() + (document.hidden ? HIDDEN_BUDGET_MS : FRAME_BUDGET_MS)
    while (this.#shown < target) {
      this.#show(Math.min(target, this.#shown + STEP))
      if (this.#now() >= deadline) break
    }
    if (this.pending) this.#schedule()
    else if (this.#ending) this.#end()
  }

  #target() {
    const paced = this.#reveal && !this.#ending && !document.hidden && !prefersReducedMotion()
    return paced ? this.#pace.visible(this.#now(), this.#frames.interval) : this.#pace.showAll()
  }

  #show(end) {
    const text = this.#text.slice(this.#shown, end)
    this.#shown = end
    this.#document.write(text)
  }

  #end() {
    if (!this.#ended) this.#document.end()
    this.#ended = true
    this.#ending.resolve()
  }
}

function prefersReducedMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches
}
