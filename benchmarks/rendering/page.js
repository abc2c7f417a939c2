import { MarkdownStream, renderMarkdown } from "/static/js/markdown/stream.js"
import { KINDS, text } from "./texts.js"

const CHARACTERS_PER_TOKEN = 4

let source
let stream
let at

// A reader at the bottom: the page follows the text, as the app does.
new ResizeObserver(() => scrollTo(0, document.documentElement.scrollHeight)).observe(document.getElementById("chat"))

/** Draws the first `position` characters, as a stream that has got that far would have. */
async function prepare(kind, position, size) {
  const chat = document.getElementById("chat")
  const body = document.createElement("div")
  body.className = "message-body"
  chat.replaceChildren(body)
  source = text(kind, size)
  at = position
  stream = new MarkdownStream(body, { reveal: true })
  for (let from = 0; from < position; from += 8192) {
    stream.append(source.slice(from, Math.min(position, from + 8192)))
    await frame()
  }
  while (stream.pending) await frame()
}

/** Streams on for `seconds` at the given rate, as tokens that come in pieces; says how far behind the view ever was. */
async function run(tokensPerSecond, seconds) {
  const start = performance.now()
  const from = at
  const arrivals = []
  let latest = 0
  while (performance.now() - start < seconds * 1000 && at < source.length) {
    const due = from + Math.floor((performance.now() - start) / 1000 * tokensPerSecond) * CHARACTERS_PER_TOKEN
    if (due > at) {
      stream.append(source.slice(at, due))
      at = due
      arrivals.push([at, performance.now()])
    }
    await new Promise((resolve) => setTimeout(resolve, 8))
    const seen = stream.visibleText.length
    while (arrivals.length && arrivals[0][0] <= seen) arrivals.shift()
    if (arrivals.length) latest = Math.max(latest, performance.now() - arrivals[0][1])
  }
  return { seconds: (performance.now() - start) / 1000, behind: Math.round(latest) }
}

async function finish() {
  await stream.finish(source.slice(0, at))
  await frame()
  await frame()
}

/** Opens a chat of `count` stored messages at once, with its layout. */
async function open(count, contained) {
  const chat = document.getElementById("chat")
  chat.replaceChildren()
  chat.classList.toggle("contained", contained)
  const texts = Array.from({ length: count }, (_, index) => (index % 2 ? text("mixed", 24_000).slice((index * 37) % 20_000).slice(0, 1500) : "A short question?"))
  await frame()
  const start = performance.now()
  const all = document.createDocumentFragment()
  for (const message of texts) {
    const article = document.createElement("article")
    article.className = "message-body"
    article.append(renderMarkdown(message))
    all.append(article)
  }
  const built = performance.now()
  chat.append(all)
  scrollTo(0, chat.scrollHeight)
  const laidOut = performance.now()
  await frame()
  await frame()
  return { build: Math.round(built - start), layout: Math.round(laidOut - built), total: Math.round(performance.now() - start) }
}

function frame() {
  return new Promise((resolve) => requestAnimationFrame(resolve))
}

window.bench = { kinds: Object.keys(KINDS), prepare, run, finish, open }
