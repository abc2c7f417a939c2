import { appendCode, shortenCode } from "./code.js"
import { morph } from "./morph.js"
import { isList, isLoose, loosen } from "./tree.js"

// Stands for the part of a paragraph that is left out. A private-use letter: text after it cannot open a block.
export const SENTINEL = "\ue000"

const BLOCKS = new Set(["P", "UL", "OL", "BLOCKQUOTE", "DIV", "HR", "INPUT", "H1", "H2", "H3", "H4", "H5", "H6"])

/** One container of the chain that is open at the end of the text, from the document in to the innermost. */
export class Level {
  /** `node` is what the parent holds; `element` is where the content goes; they differ for tables and code. */
  constructor(type, node, { opener = null, line = -1 } = {}) {
    this.type = type
    this.node = node
    this.element = contentOf(node, type)
    this.opener = opener
    this.line = line
    this.kept = 0
    this.loose = false
    this.sentinel = false
    this.shown = ""
  }

  get isCode() {
    return this.type === "fence" || this.type === "code_block"
  }
}

/** The chain of open containers; everything they hold before the tail of the text is already drawn and stays. */
export class Spine {
  constructor(root) {
    this.levels = [new Level("document", root)]
  }

  get root() {
    return this.levels[0]
  }

  get innermost() {
    return this.levels.at(-1)
  }

  get isDeep() {
    return this.levels.length > 1
  }

  /** The lines that, put before the tail, open the same containers again. */
  get openers() {
    return this.levels.filter((level, depth) => this.#opens(level, depth)).map((level) => level.opener).join("")
  }

  cutTo(depth) {
    this.levels.length = depth + 1
  }

  /** How many nodes at the front of a level's content only stand for what is left out. */
  placeholders(depth) {
    return this.#opens(this.levels[depth], depth) && !this.levels[depth].isCode ? 1 : 0
  }

  save() {
    return this.levels.map((level) => ({ level, state: { ...level } }))
  }

  restore(saved) {
    this.levels = saved.map(({ level, state }) => Object.assign(level, state))
  }

  /** Applies what is known of the lists on the spine to a tree that sees only their ends. */
  loosenKnown(tree, tokens) {
    for (const { level, node } of this.#lists(tree)) {
      if (level.loose) loosen(node, tokens)
    }
  }

  /** Learns from a tree which lists on the spine turned out loose, and makes their earlier items so. */
  learnLooseness(tree) {
    for (const { level, node, depth } of this.#lists(tree)) {
      if (!level.loose && isLoose(node)) this.#makeLoose(level, this.levels[depth + 1])
    }
  }

  /** Puts freshly built nodes in their places, or returns false, having touched nothing, if they do not fit. */
  place(fragment) {
    if (!this.#fits(fragment, 0)) return false
    this.#place(fragment, 0)
    return true
  }

  #makeLoose(list, item) {
    const before = item?.element.childNodes.length
    list.loose = true
    loosenItems(list.element)
    if (item) item.kept -= before - item.element.childNodes.length
  }

  #lists(tree) {
    const found = []
    let nodes = tree
    for (let depth = 1; depth < this.levels.length; depth += 1) {
      const node = nodes[this.placeholders(depth - 1)]
      if (!node) break
      if (isList(node)) found.push({ level: this.levels[depth], node, depth })
      nodes = node.children
    }
    return found
  }

  #opens(level, depth) {
    return level.opener !== null && !this.levels.slice(depth + 1).some((inner) => inner.opener !== null && inner.line === level.line)
  }

  #fits(content, depth) {
    const level = this.levels[depth]
    if (level.isCode) return true
    let first = content.firstChild
    if (this.placeholders(depth)) {
      if (first?.nodeName !== (level.type === "table_open" ? "THEAD" : "HR")) return false
      first = first.nextSibling
    }
    if (level.sentinel && !sentinelIn(first)?.data?.startsWith(SENTINEL)) return false
    const inner = this.levels[depth + 1]
    if (!inner) return true
    if (first?.nodeName !== inner.node.nodeName) return false
    if (first.nodeName === "DIV" && first.className !== inner.node.className) return false
    return this.#fits(contentOf(first, inner.type), depth + 1)
  }

  #place(content, depth) {
    const level = this.levels[depth]
    if (level.isCode) return placeCode(level, content.textContent)
    if (this.placeholders(depth)) content.firstChild.remove()
    if (level.sentinel) sentinelIn(content.firstChild).deleteData(0, SENTINEL.length)
    const inner = this.levels[depth + 1]
    if (inner) {
      const first = content.firstChild
      this.#place(contentOf(first, inner.type), depth + 1)
      first.remove()
    }
    morph(level.element, level.kept, content)
  }
}

/** Makes the items that a tight list already holds into those of a loose one. */
function loosenItems(list) {
  for (const item of list.children) wrapInline(item)
}

function wrapInline(item) {
  let paragraph = null
  for (const node of [...item.childNodes]) {
    if (BLOCKS.has(node.nodeName)) {
      paragraph = null
      continue
    }
    if (!paragraph) {
      paragraph = document.createElement("p")
      node.before(paragraph)
    }
    paragraph.append(node)
  }
}

function contentOf(node, type) {
  if (type === "table_open") return node.firstElementChild
  if (type === "fence" || type === "code_block") return node.querySelector("code")
  return node
}

function sentinelIn(node) {
  return node?.className === "text-lines" ? node.firstChild : node
}

function placeCode(level, text) {
  if (!text.startsWith(level.shown)) {
    shortenCode(level.element, level.shown.length)
    level.shown = ""
  }
  appendCode(level.element, text.slice(level.shown.length))
  level.shown = text
}
