import { idle } from "../helpers/dom.js"
import { keepSelection } from "./selection.js"

const WORKER = new URL("./highlight_worker.js", import.meta.url).href
const CODED = ".code-block[data-language]"
const LARGEST = 200_000
// For the work itself, and for what may have to be fetched before it: the worker, a language.
const TIME_LIMIT_MS = 3000
const FETCH_LIMIT_MS = 30_000
const NEAR = "1000px"
const ENOUGH_MS = 3

const asked = new WeakSet()
const waiting = []
let observer
let worker
let isBusy = false
let isForbidden = false

/**
 * Colours the blocks of code at or under `root`, each when it comes near the visible part of the page. The colours are found
 * in a worker, under a time limit: neither a huge block nor one made to be slow to match can stall the page.
 */
export function colourCode(root, except = null) {
  const blocks = root.matches?.(CODED) ? [root] : root.querySelectorAll(CODED)
  for (const block of blocks) {
    if (block === except || asked.has(block)) continue
    asked.add(block)
    near().observe(block)
  }
}

function near() {
  observer ??= new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach(take), { rootMargin: NEAR })
  return observer
}

function take({ target }) {
  observer.unobserve(target)
  waiting.push(target)
  next()
}

async function next() {
  if (isBusy || waiting.length === 0) return
  isBusy = true
  await colour(waiting.shift())
  isBusy = false
  next()
}

async function colour(block) {
  const code = block.querySelector("code")
  const text = code.textContent
  if (text.length > LARGEST) return
  const groups = await ask({ language: block.dataset.language, text })
  if (groups) await paint(code, groups)
}

function ask(request) {
  worker ??= startWorker()
  if (!worker) return null
  return new Promise((resolve) => {
    let limit = setTimeout(giveUp, FETCH_LIMIT_MS)
    worker.onmessage = ({ data }) => {
      clearTimeout(limit)
      if (data.isStarted) limit = setTimeout(giveUp, TIME_LIMIT_MS)
      else resolve(data.groups)
    }
    worker.onerror = giveUp
    worker.postMessage(request)

    function giveUp() {
      clearTimeout(limit)
      worker.terminate()
      worker = null
      resolve(null)
    }
  })
}

/** Null where the page may have no worker: code then stays in one colour. */
function startWorker() {
  if (isForbidden) return null
  try {
    return new Worker(trusted(WORKER), { type: "module" })
  } catch {
    isForbidden = true
    return null
  }
}

let policy

function trusted(url) {
  policy ??= globalThis.trustedTypes?.createPolicy("macrochat-worker", {
    createScriptURL(wanted) {
      if (wanted !== WORKER) throw new TypeError("Only the highlighter may be started")
      return wanted
    },
  }) ?? { createScriptURL: (wanted) => wanted }
  return policy.createScriptURL(url)
}

async function paint(code, groups) {
  let deadline = await idle()
  for (const [index, pieces] of groups.entries()) {
    if (deadline.timeRemaining() < ENOUGH_MS) deadline = await idle()
    const group = code.children[index]
    if (group?.textContent !== pieces.map(([, piece]) => piece).join("")) continue
    keepSelection(group, () => group.replaceChildren(...pieces.map(span)))
  }
}

function span([colour, text]) {
  if (!colour) return text
  const node = document.createElement("span")
  node.className = `code-${colour}`
  node.textContent = text
  return node
}
