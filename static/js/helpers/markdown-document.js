import { build } from "./markdown-dom.js"
import { morph } from "./markdown-morph.js"
import { parse } from "./markdown-parser.js"
import { LineEndings } from "./markdown-text.js"

// Blocks that end by themselves; every other block can be continued, or undone, by the line after it.
const SELF_CONTAINED = new Set(["heading_open", "hr"])

/**
 * Markdown that grows at its end. Blocks that no later text can change are left alone; only the rest is parsed again.
 *
 * Why that is right: markdown-it decides line by line, and no rule looks further ahead than one line – a table needs
 * its delimiter row. So where one top-level block ends and the next begins is settled once the next one's first two
 * lines are whole, and a block parsed from its first line gives what it gives within the whole text. The one
 * exception, link reference definitions that come later, is mended by end().
 */
export class MarkdownDocument {
  #root
  #lineEndings
  #tail
  #settledNodes
  #definitions
  #linked

  constructor(root) {
    this.#root = root
    this.#clear()
  }

  write(text) {
    this.#tail += this.#lineEndings.write(text)
    this.#render()
  }

  /** No more text comes: what is shown becomes what the whole text would give at once. */
  end() {
    this.#tail += this.#lineEndings.end()
    const { definitions } = this.#render()
    this.#define(definitions, Infinity)
    if (Object.keys(this.#definitions).length) this.#mendLinks()
  }

  reset() {
    this.#root.replaceChildren()
    this.#clear()
  }

  #clear() {
    this.#lineEndings = new LineEndings()
    this.#tail = ""
    this.#settledNodes = 0
    this.#definitions = Object.create(null)
    this.#linked = []
  }

  #render() {
    const parsed = parse(this.#tail, this.#definitions)
    morph(this.#root, this.#settledNodes, build(parsed.tokens, document.createDocumentFragment()))
    this.#settle(parsed)
    return parsed
  }

  #settle({ tokens, definitions }) {
    const blocks = topLevelBlocks(tokens)
    const starts = lineStarts(this.#tail)
    const settled = settledCount(blocks, starts, this.#tail)
    if (settled === 0) return
    for (const block of blocks.slice(0, settled)) this.#remember(block, starts)
    const line = blocks[settled - 1].end
    this.#define(definitions, line)
    this.#settledNodes += settled
    this.#tail = this.#tail.slice(starts[line])
  }

  #remember(block, starts) {
    const source = this.#tail.slice(starts[block.start], starts[block.end])
    if (source.includes("[")) this.#linked.push({ node: this.#root.childNodes[this.#settledNodes + block.index], source })
  }

  #define(definitions, lastLine) {
    for (const { label, end, value } of definitions) {
      if (end <= lastLine) this.#definitions[label] ??= value
    }
  }

  #mendLinks() {
    for (const { node, source } of this.#linked) {
      const fresh = build(parse(source, this.#definitions).tokens, document.createDocumentFragment())
      if (fresh.childNodes.length === 1) morphInto(node, fresh)
    }
  }
}

function morphInto(node, fragment) {
  const holder = document.createDocumentFragment()
  const place = node.nextSibling
  const parent = node.parentNode
  holder.append(node)
  morph(holder, 0, fragment)
  parent.insertBefore(holder, place)
}

function topLevelBlocks(tokens) {
  return tokens
    .filter((token) => token.level === 0 && token.nesting >= 0 && token.map)
    .map((token, index) => ({ index, type: token.type, start: token.map[0], end: token.map[1] }))
}

/** The index of each line's first character; `starts.length - 1` lines are whole. */
function lineStarts(text) {
  const starts = [0]
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts.push(index + 1)
  return starts
}

function settledCount(blocks, starts, text) {
  const wholeLines = starts.length - 1
  for (let next = blocks.length - 1; next > 0; next -= 1) {
    if (isSettled(blocks[next - 1], blocks[next].start, wholeLines, starts, text)) return next
  }
  return 0
}

function isSettled(block, nextStart, wholeLines, starts, text) {
  if (nextStart + 2 <= wholeLines) return true
  if (SELF_CONTAINED.has(block.type)) return block.end <= wholeLines
  return block.type === "paragraph_open" && block.end < wholeLines && text.slice(starts[block.end], starts[block.end + 1]).trim() === ""
}
