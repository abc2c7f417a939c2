import { MarkdownStream, renderMarkdown } from "/static/js/helpers/markdown.js"

const element = document.getElementById("body")

/** Frames that come only when asked for, so that a test decides what is drawn when. */
class Frames {
  #waiting = []

  request = (draw) => this.#waiting.push(draw)

  run() {
    for (const draw of this.#waiting.splice(0)) draw()
  }
}

function stream(pieces, options) {
  const frames = new Frames()
  element.replaceChildren()
  const markdown = new MarkdownStream(element, { requestFrame: frames.request, ...options })
  for (const piece of pieces) {
    markdown.append(piece)
    frames.run()
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
  const decoder = new TextDecoder()
  const bytes = new TextEncoder().encode(text)
  const pieces = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(decoder.decode(bytes.slice(at, at + size), { stream: true }))
  return [...pieces, decoder.decode()].filter(Boolean)
}

window.harness = { element, stream, whole, byBytes, Frames, MarkdownStream, renderMarkdown }
