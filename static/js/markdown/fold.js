import { infoToGoOn } from "./fence.js"
import { groupRest } from "./long_text.js"
import { continuation, fenceOpener, itemOpener, linePrefix } from "./prefix.js"
import { Level, SENTINEL } from "./spine.js"
import { isList, isLoose } from "./tree.js"

const CONTAINERS = new Set(["blockquote_open", "bullet_list_open", "ordered_list_open", "list_item_open", "table_open", "tbody_open"])
/**
 * Lengthens the spine into the block that is open at the end of a long tail, so that only the end of that block needs
 * to be parsed again. `view` is what is drawn just now: the `text` that was parsed, its `tree`, the `starts` of its
 * lines, the number of its `firstLine`, the size up to which a block is `small` and left whole, and whether it ends `inText`, in a paragraph cut for the purpose. Returns
 * where in that text the new tail starts and what must stand before it, {cut, lead}, with `guessed` when that may be wrong,
 * or null if nothing can be left out.
 */
export function fold(spine, view) {
  const saved = spine.save()
  const cut = new Fold(spine, view).fold()
  if (!cut) spine.restore(saved)
  return cut
}

/** Where to cut the paragraph that a text ends in, if it is so long that it should be cut at all. */
export function textCut({ tree, starts, text, small }, earliest) {
  let last = tree.at(-1)
  while (last?.children.length && last.type !== "paragraph_open") last = last.children.at(-1)
  if (last?.type !== "paragraph_open") return null
  const from = Math.max(earliest, starts[last.start])
  const end = text.length - small
  if (end <= from + small) return null
  const space = Math.max(text.lastIndexOf(" ", end), text.lastIndexOf("\n", end))
  return space > from ? space : codePointBorder(text, end)
}

function codePointBorder(text, index) {
  return /[\udc00-\udfff]/.test(text[index]) ? index - 1 : index
}

class Fold {
  #spine
  #view

  constructor(spine, view) {
    this.#spine = spine
    this.#view = view
  }

  fold() {
    let nodes = this.#view.tree
    if (nodes.length !== 1) return null
    for (let depth = 0; ; depth += 1) {
      const level = this.#spine.levels[depth]
      const inner = this.#spine.levels[depth + 1]
      const fresh = nodes.slice(this.#spine.placeholders(depth))
      if (!inner) return this.#extend(level, fresh)
      if (fresh.length > 1) {
        this.#spine.cutTo(depth)
        return this.#extend(level, fresh)
      }
      if (inner.isCode) return this.#cutCode(inner, fresh[0])
      nodes = fresh[0].children
    }
  }

  #extend(level, nodes) {
    const last = nodes.at(-1)
    if (!last) return level.sentinel && this.#view.inText ? this.#cutText(level) : null
    return this.#enter(level, last) ?? this.#cutBefore(level, nodes)
  }

  #enter(level, last) {
    if (this.#size(last) <= this.#view.small) return null
    if (last.type === "paragraph_open") return this.#enterText(level, last)
    if (last.type === "fence" || last.type === "code_block") return this.#enterCode(level, last)
    return CONTAINERS.has(last.type) ? this.#enterContainer(level, last) : null
  }

  #enterContainer(level, last) {
    const opener = this.#openerOf(last)
    if (opener === null && (last.type === "list_item_open" || last.type === "table_open")) return null
    const { kept } = level
    const child = this.#push(level, last, opener)
    child.loose = isList(last) && isLoose(last)
    const cut = this.#extend(child, last.type === "table_open" ? last.children.slice(1) : last.children)
    if (!cut) {
      this.#spine.levels.pop()
      level.kept = kept
    }
    return cut
  }

  #enterCode(level, last) {
    if (isClosed(last)) {
      if (level === this.#spine.root) return null
      level.kept = level.element.childNodes.length
      return this.#cut(this.#start(last.end))
    }
    const opener = this.#openerOf(last)
    if (opener === null && last.type === "fence") return null
    return this.#cutCode(this.#push(level, last, opener), last)
  }

  /** A fence can go on after any character of it; indented code, which ends with its last indented line, after a line. */
  #cutCode(level, node) {
    if (isClosed(node)) return null
    const info = infoToGoOn(node.token)
    if (info) level.opener = level.opener.replace(/[^`~]*\n$/, `${info}\n`)
    const text = level.element.lastElementChild?.textContent ?? ""
    const cut = level.type === "fence" ? this.#view.text.length : this.#start(node.end - 1)
    level.shown = level.type === "fence" ? "" : text.slice(text.lastIndexOf("\n", text.length - 2) + 1)
    return { ...this.#cut(cut), guessed: info !== "" }
  }

  #enterText(level, last) {
    if (!this.#view.inText) return null
    const prefix = linePrefix(this.#line(last.start), this.#containers(last.start))
    if (prefix === null) return null
    const [indent] = /^ */.exec(this.#line(last.start).slice(prefix.length))
    const target = last.token.hidden ? level : this.#push(level, last, null)
    return this.#cutText(target, continuation(prefix + indent) + SENTINEL)
  }

  #cutText(level, lead) {
    level.sentinel = true
    if (level.type === "paragraph_open") groupRest(level.element)
    level.kept = level.element.childNodes.length
    return { cut: this.#view.text.length, lead }
  }

  /** Leaves out the children before the last one whose first two lines are whole: where it starts is settled. */
  #cutBefore(level, nodes) {
    const wholeLines = this.#view.starts.length - 1
    for (let next = nodes.length - 1; next > 0; next -= 1) {
      if (nodes[next].start + 2 > wholeLines) continue
      const fresh = nodes.slice(next).reduce((sum, node) => sum + this.#view.nodeCount(node), 0)
      level.kept = level.element.childNodes.length - fresh
      return this.#cut(this.#start(nodes[next].start))
    }
    return null
  }

  #cut(cut) {
    this.#spine.innermost.sentinel = false
    return { cut, lead: "" }
  }

  #push(level, node, opener) {
    level.kept = level.element.childNodes.length
    level.sentinel = false
    const child = new Level(node.type, level.element.lastChild, { opener, line: this.#view.firstLine + node.start })
    this.#spine.levels.push(child)
    return child
  }

  #openerOf({ type, start }) {
    const line = this.#line(start)
    if (type === "list_item_open") return itemOpener(line, [...this.#containers(start), "item"])
    if (type === "table_open") return `${line}\n${this.#line(start + 1)}\n`
    if (type === "fence") return fenceOpener(line, this.#containers(start))
    return null
  }

  #containers(line) {
    const absolute = this.#view.firstLine + line
    return this.#spine.levels.flatMap((level) => {
      if (level.type === "blockquote_open") return ["quote"]
      if (level.type === "list_item_open") return [level.line === absolute ? "item" : "inside"]
      return []
    })
  }

  #line(line) {
    const { text } = this.#view
    return text.slice(this.#start(line), this.#start(line + 1)).replace(/\n$/, "")
  }

  #start(line) {
    return this.#view.starts[line] ?? this.#view.text.length
  }

  #size(node) {
    return this.#start(node.end) - this.#start(node.start)
  }
}

function isClosed({ type, token, start, end }) {
  if (type !== "fence") return false
  const lines = token.content.split("\n").length - (token.content === "" || token.content.endsWith("\n") ? 1 : 0)
  return lines < end - start - 1
}
