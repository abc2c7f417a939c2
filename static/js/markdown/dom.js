import { codeBlock } from "./code.js"
import { destination, namesDestination, safeUrl } from "./links.js"
import { groupLongText } from "./long_text.js"
import { visibleControls } from "./text.js"

// Model output becomes elements here and nowhere else. Every element name and attribute below is a literal: a token
// can choose among them, but never name one. There is no HTML string, so there is nothing to sanitise.
const ELEMENTS = {
  paragraph_open: "p", thead_open: "thead", tbody_open: "tbody", tr_open: "tr", strong_open: "strong", em_open: "em", s_open: "s",
}
// Blocks with something at their starting side, which is that of their own text.
const BY_DIRECTION = { dir: "auto" }
const HEADINGS = new Set(["h1", "h2", "h3", "h4", "h5", "h6"])
const ALIGNMENTS = { "text-align:left": "align-left", "text-align:center": "align-center", "text-align:right": "align-right" }
const LARGEST_START = 999999999

/** Builds the nodes of markdown-it's tokens under `parent`, which may be an element or a fragment. */
export function build(tokens, parent) {
  new Builder(parent).add(tokens)
  return parent
}

class Builder {
  #open
  #link = null

  constructor(parent) {
    this.#open = [parent]
  }

  add(tokens) {
    for (const token of tokens) this.#token(token)
  }

  get #parent() {
    return this.#open[this.#open.length - 1]
  }

  #token(token) {
    if (token.type === "inline") this.add(token.children)
    else if (token.hidden) return
    else if (token.type === "link_close") this.#closeLink()
    else if (token.type === "paragraph_close") groupLongText(this.#open.pop())
    else if (token.nesting === -1) this.#close()
    else if (token.nesting === 1) this.#enter(token)
    else this.#leaf(token)
  }

  #enter(token) {
    if (token.type === "link_open") return this.#openLink(token)
    const element = container(token)
    if (token.type === "table_open") {
      const scroller = make("div", { class: "table-scroll", ...BY_DIRECTION, tabindex: "0", role: "region", "aria-label": "Table" })
      scroller.append(element)
      this.#parent.append(scroller)
    } else {
      this.#parent.append(element)
    }
    this.#open.push(element)
  }

  #close() {
    if (this.#open.length > 1) this.#open.pop()
  }

  #openLink(token) {
    const url = safeUrl(token.attrGet("href"))
    this.#link = url && { url, element: anchor(url) }
    const element = this.#link?.element ?? make("span")
    this.#parent.append(element)
    this.#open.push(element)
  }

  #closeLink() {
    this.#close()
    if (this.#link) nameDestination(this.#link, this.#parent)
    this.#link = null
  }

  #leaf(token) {
    const parent = this.#parent
    switch (token.type) {
      case "text": appendText(parent, token.content); break
      case "softbreak": // models write verse, addresses and steps with single line breaks
      case "hardbreak":
        parent.append(make("br"), "\n")
        break
      case "hr": parent.append(make("hr")); break
      case "code_inline": appendText(parent.appendChild(make("code")), token.content); break
      case "math": appendText(parent.appendChild(make("span", { class: "math" })), token.content); break
      case "math_block": appendText(parent.appendChild(make("p")).appendChild(make("span", { class: "math" })), token.content); break
      case "image": this.#image(token); break
      case "fence": parent.append(codeBlock(token.content, token.info)); break
      case "code_block": parent.append(codeBlock(token.content, "")); break
      case "plain_text": appendText(parent.appendChild(make("p")), token.content); break
      default: appendText(parent, token.content)
    }
  }

  /** An image is a link to itself: the reader may follow it, but the page never fetches it. */
  #image(token) {
    const text = plainText(token.children) || "image"
    const url = safeUrl(token.attrGet("src"))
    if (this.#link || !url) return appendText(this.#parent, text)
    const element = anchor(url)
    element.className = "image-link"
    appendText(element, text)
    this.#parent.append(element)
    nameDestination({ url, element }, this.#parent)
  }
}

function container(token) {
  switch (token.type) {
    case "heading_open": return make(HEADINGS.has(token.tag) ? token.tag : "p")
    case "ordered_list_open": return orderedList(token)
    case "list_item_open": return listItem(token)
    case "table_open": return make("table")
    case "bullet_list_open": return make("ul", BY_DIRECTION)
    case "blockquote_open": return make("blockquote", BY_DIRECTION)
    case "th_open": return cell("th", token)
    case "td_open": return cell("td", token)
    default: return make(ELEMENTS[token.type] ?? "span")
  }
}

function orderedList(token) {
  const start = Number(token.attrGet("start") ?? 1)
  const valid = Number.isInteger(start) && start >= 0 && start <= LARGEST_START && start !== 1
  return make("ol", valid ? { ...BY_DIRECTION, start: String(start) } : BY_DIRECTION)
}

function listItem(token) {
  if (!token.meta) return make("li")
  const item = make("li", { class: "task" })
  const state = token.meta.checked ? { "aria-label": "Done", checked: "" } : { "aria-label": "To do" }
  item.append(make("input", { type: "checkbox", disabled: "", ...state }))
  return item
}

function cell(name, token) {
  const alignment = ALIGNMENTS[token.attrGet("style")]
  return make(name, alignment ? { class: alignment } : {})
}

function anchor(url) {
  return make("a", { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank" })
}

function nameDestination({ url, element }, parent) {
  if (!element.textContent.trim()) appendText(element, destination(url))
  if (namesDestination(element.textContent, url)) {
    element.dir = "ltr" // or Hebrew in it could lay its other end out where the host belongs
    return
  }
  const name = make("span", { class: "link-host" })
  name.textContent = ` (${destination(url)})`
  parent.append(name)
}

function plainText(tokens) {
  return (tokens ?? []).map((token) => (token.children ? plainText(token.children) : token.content)).join("")
}

function appendText(parent, text) {
  const last = parent.lastChild
  const visible = visibleControls(text)
  if (last?.nodeType === Node.TEXT_NODE) last.appendData(visible)
  else if (visible) parent.append(visible)
}

export function make(name, attributes = {}) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  return element
}
