import { MarkdownStream, renderMarkdown } from "/static/js/markdown/stream.js"
import { unnamed, violations } from "/allowed.js"

const element = document.getElementById("body")
const alarms = []
globalThis.addEventListener("securitypolicyviolation", (event) => alarms.push(`policy: ${event.violatedDirective} ${event.blockedURI}`))
globalThis.addEventListener("error", (event) => alarms.push(`error: ${event.message}`))
globalThis.alert = globalThis.confirm = globalThis.prompt = () => alarms.push("script ran")

/** Frames that come only when asked for, so that a test decides what is drawn when. */
class Frames {
  #waiting = []

  request = (draw) => this.#waiting.push(draw)

  run() {
    for (const draw of this.#waiting.splice(0)) draw()
  }
}

function stream(pieces, options, afterEach = () => {}) {
  const frames = new Frames()
  element.replaceChildren()
  const markdown = new MarkdownStream(element, { requestFrame: frames.request, ...options })
  for (const piece of pieces) {
    markdown.append(piece)
    frames.run()
    afterEach()
  }
  markdown.finish()
  while (markdown.pending) frames.run()
  return element.innerHTML
}

function whole(text) {
  element.replaceChildren(renderMarkdown(text))
  return element.innerHTML
}

/** The text of the bytes, cut after every `size` of them as a network might. */
function byBytes(text, size) {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const bytes = new TextEncoder().encode(text)
  const pieces = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(decoder.decode(bytes.slice(at, at + size), { stream: true }))
  return [...pieces, decoder.decode()].filter(Boolean)
}

/** Everything wrong with how a text is shown: whole, and after each byte of it (of a long one, after some). */
function faults(text) {
  const found = new Set()
  const look = () => [...violations(element), ...unnamed(element)].forEach((fault) => found.add(fault))
  const every = Math.ceil(text.length / 200)
  let byte = 0
  const lookNowAndThen = () => (byte += 1) % every || look()
  const rendered = whole(text)
  look()
  if (stream(byBytes(text, 1), {}, lookNowAndThen) !== rendered) found.add("streamed and whole differ")
  look()
  return [...found]
}

window.harness = { element, stream, whole, byBytes, faults, alarms, Frames, MarkdownStream, renderMarkdown, violations }
