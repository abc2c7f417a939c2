import { LINES_PER_GROUP, afterLines, lineCount } from "./lines.js"
import { visibleControls } from "./text.js"

const LANGUAGE = /^[\w+#.-]{1,30}$/
const COPIED_MS = 2000

/** A block of code with its language and a button that copies it. `info` is what stands after the opening fence. */
export function codeBlock(text, info) {
  const language = languageOf(info)
  const block = element("div", "code-block")
  block.dir = "ltr"
  if (language) block.dataset.language = language
  block.append(header(language), body(text))
  return block
}

/** Adds text to the end of a `code` element; any way of cutting the same text into pieces gives the same nodes. */
export function appendCode(code, text) {
  let rest = visibleControls(text)
  while (rest) {
    const group = openGroup(code)
    const cut = afterLines(rest, LINES_PER_GROUP - lineCount(group.textContent))
    const last = group.lastChild
    if (last) last.appendData(rest.slice(0, cut))
    else group.append(rest.slice(0, cut))
    rest = rest.slice(cut)
  }
}

/** Takes `count` characters off the end of a `code` element. */
export function shortenCode(code, count) {
  let rest = count
  while (rest > 0 && code.lastElementChild) {
    const text = code.lastElementChild.textContent
    if (text.length > rest) code.lastElementChild.textContent = text.slice(0, -rest)
    else code.lastElementChild.remove()
    rest -= text.length
  }
}

/** The language in an info string, in lower case: "python" of `python:src/a.py`, `Python {1,3}`, `{.python}`; or "". */
export function languageOf(info) {
  const word = info.trim().replace(/^\{\s*\.?/, "").split(/[\s{},:]/, 1)[0].toLowerCase()
  return LANGUAGE.test(word) ? word : ""
}

function openGroup(code) {
  const last = code.lastElementChild
  if (last && lineCount(last.textContent) < LINES_PER_GROUP) return last
  return code.appendChild(element("span", "code-lines"))
}

function header(language) {
  const head = element("div", "code-header")
  const label = element("span", "code-language")
  label.textContent = language || "text"
  head.append(label, copyButton())
  return head
}

function body(text) {
  const pre = element("pre")
  const code = element("code")
  pre.tabIndex = 0
  appendCode(code, text)
  pre.append(code)
  return pre
}

function copyButton() {
  const button = element("button", "code-copy")
  button.type = "button"
  button.setAttribute("aria-label", "Copy code")
  button.textContent = "Copy"
  button.addEventListener("click", () => copyFrom(button))
  return button
}

async function copyFrom(button) {
  const code = button.closest(".code-block").querySelector("code")
  const copied = await copy(code)
  button.textContent = copied ? "Copied" : "Press Ctrl+C"
  setTimeout(() => { button.textContent = "Copy"; }, COPIED_MS)
}

async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent.replace(/\n$/, ""))
    return true
  } catch {
    // Without HTTPS there is no clipboard API: leave the code selected for the old command, or for the reader's own keys.
    getSelection().selectAllChildren(code)
    return document.execCommand("copy")
  }
}

function element(name, className) {
  const node = document.createElement(name)
  if (className) node.className = className
  return node
}
