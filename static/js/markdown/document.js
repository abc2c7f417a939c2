import { build } from "./dom.js"
import { fold, textCut } from "./fold.js"
import { colourCode } from "./highlight.js"
import { morphNode } from "./morph.js"
import { clearLength } from "./open_end.js"
import { parse } from "./parser.js"
import { settledBlocks } from "./settle.js"
import { Spine } from "./spine.js"
import { LineEndings } from "./text.js"
import { blockTree, lineStarts } from "./tree.js"

const FOLD_ABOVE = 4096
// How a piece of text is parsed: as all there is, or as the beginning of more, its end shown as if it was whole.
const ENDED = { ended: true }
const OPEN = { open: true }

/**
 * Markdown that grows at its end, at a cost per piece that does not depend on how much there is already.
 *
 * Top-level blocks that no later text can change are settled: never looked at again. A block that stays open and gets
 * long is folded: its earlier children stay as drawn, and the rest, the tail, is parsed after lines that open the same
 * containers again (see Spine and Fold). What the folding of a long paragraph can get wrong – emphasis across the cut
 * – is put right once when the block ends; what later link definitions change, by end().
 */
export class MarkdownDocument {
  #root
  #foldAbove
  #lineEndings
  #spine
  #definitions
  #hadDefinitions
  #linked
  #settledNodes
  #open

  constructor(root, { foldAbove = FOLD_ABOVE } = {}) {
    this.#root = root
    this.#foldAbove = foldAbove
    this.#clear()
  }

  write(text) {
    this.#open.tail += this.#lineEndings.write(text)
    this.#draw()
  }

  /** No more text comes: what is shown becomes what the whole text would give at once. */
  end() {
    this.#open.tail += this.#lineEndings.end()
    const view = this.#view(this.#open.tail, ENDED)
    this.#spine.learnLooseness(view.tree)
    this.#define(view.definitions, Infinity)
    if (this.#open.guessed || (this.#spine.isDeep && this.#hadDefinitions)) this.#unfold(this.#open.tail, ENDED)
    if (this.#hadDefinitions) this.#mendLinks()
    colourCode(this.#root)
  }

  reset() {
    this.#root.replaceChildren()
    this.#clear()
  }

  #clear() {
    this.#lineEndings = new LineEndings()
    this.#spine = new Spine(this.#root)
    this.#definitions = Object.create(null)
    this.#hadDefinitions = false
    this.#linked = []
    this.#settledNodes = 0
    this.#startBlock("")
  }

  /**
   * What is not settled: `tail` is still parsed, `folded` before it is not; `lead` stands in for the folded half of a line.
   * A block whose folding failed is tried again after more text, each time after twice as much.
   */
  #startBlock(tail, line = 0) {
    this.#open = { folded: "", tail, lead: "", firstLine: line, line, guessed: false, foldAt: this.#foldAbove, patience: this.#foldAbove }
    this.#spine.cutTo(0)
    this.#spine.root.kept = this.#settledNodes
  }

  #draw() {
    const view = this.#viewOpen()
    const settled = settledBlocks(view)
    if (settled.length && !this.#spine.isDeep) this.#settle(view, settled)
    else if (settled.length || this.#open.tail.length > this.#open.foldAt) this.#advance()
  }

  #viewOpen() {
    const { tail } = this.#open
    return this.#view(tail.slice(0, clearLength(tail)), OPEN)
  }

  /** Parses a piece of the tail, from its start, and shows it. */
  #view(tail, mode) {
    const before = this.#spine.openers + this.#open.lead
    const text = before + tail
    const { tokens, definitions } = parse(text, this.#definitions, mode)
    // Even one that is only half there, and turns out to be none, may have made a link in a block that is settled by now.
    this.#hadDefinitions ||= definitions.length > 0
    const tree = blockTree(tokens)
    this.#spine.loosenKnown(tree, tokens)
    if (!this.#spine.place(build(tokens, document.createDocumentFragment()))) return this.#unfold(tail, mode)
    return {
      text, tree, definitions, before: before.length, starts: lineStarts(text),
      firstLine: this.#open.line - lineStarts(before).length + 1, inText: false, small: this.#foldAbove / 4,
      nodeCount: (node) => build(tokens.slice(node.first, node.last + 1), document.createDocumentFragment()).childNodes.length,
    }
  }

  /** Settles or folds, by whole lines only: what the last line is can change with its next character. */
  #advance() {
    const { tail } = this.#open
    const whole = tail.slice(0, tail.lastIndexOf("\n") + 1)
    const isLongLine = whole.length < tail.length / 2
    const view = this.#view(isLongLine ? tail : whole)
    this.#spine.learnLooseness(view.tree)
    if (isLongLine) this.#open.guessed = true
    const settled = settledBlocks(view)
    if (settled.length) this.#settle(view, settled)
    else this.#fold(view)
    this.#viewOpen()
  }

  #fold(whole) {
    const cut = textCut(whole, whole.before)
    const view = cut === null ? whole : { ...this.#view(whole.text.slice(whole.before, cut)), inText: true }
    const folded = fold(this.#spine, view)
    if (folded) this.#leaveOut(view, folded)
    this.#open.foldAt = Math.max(this.#foldAbove, this.#open.tail.length * 2)
  }

  #leaveOut(view, { cut, lead = this.#open.lead, guessed = false }) {
    const left = this.#open.tail.slice(0, cut - view.before)
    this.#open.folded += left
    this.#open.tail = this.#open.tail.slice(left.length)
    this.#open.line += lineStarts(left).length - 1
    this.#open.lead = lead
    this.#open.guessed ||= guessed || lead !== "" || left.includes("]:")
    this.#define(view.definitions, lineStarts(view.text.slice(0, cut)).length - 1)
    colourCode(this.#root.lastChild, this.#spine.innermost.node)
  }

  #settle(drawn, settled) {
    if (this.#open.guessed) {
      const view = this.#unfold(drawn.text.slice(drawn.before), OPEN)
      return this.#settle(view, settledBlocks(view))
    }
    if (settled.length === 0) return
    const end = drawn.starts[settled.at(-1).end] - drawn.before
    this.#remember(drawn, settled)
    this.#define(drawn.definitions, settled.at(-1).end)
    const first = this.#settledNodes
    this.#settledNodes += settled.reduce((sum, block) => sum + block.nodes, 0)
    for (let index = first; index < this.#settledNodes; index += 1) colourCode(this.#root.childNodes[index])
    this.#startBlock(this.#open.tail.slice(end), this.#open.line + lineStarts(this.#open.tail.slice(0, end)).length - 1)
  }

  /** Draws the open block from its beginning again, the text up to the end of this piece of its tail. */
  #unfold(tail, mode) {
    const { folded, firstLine } = this.#open
    const patience = this.#open.patience * 2
    this.#startBlock(folded + this.#open.tail, firstLine)
    Object.assign(this.#open, { patience, foldAt: this.#open.tail.length + patience })
    return this.#view(folded + tail, mode)
  }

  /** Keeps the source of blocks that later link definitions could change. */
  #remember({ text, starts, before }, settled) {
    let index = this.#settledNodes
    for (const block of settled) {
      const isFolded = block === settled[0] && this.#open.folded
      const source = (isFolded ? this.#open.folded : "") + text.slice(isFolded ? before : starts[block.start], starts[block.end])
      if (block.nodes && source.includes("[")) this.#linked.push({ node: this.#root.childNodes[index], source })
      index += block.nodes
    }
  }

  #define(definitions, lastLine) {
    for (const { label, end, value } of definitions) {
      if (end <= lastLine) this.#definitions[label] ??= value
    }
  }

  #mendLinks() {
    for (const { node, source } of this.#linked) {
      const { tokens } = parse(source, this.#definitions, ENDED)
      morphNode(node, build(tokens, document.createDocumentFragment()))
    }
  }
}
