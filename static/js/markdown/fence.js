// Models quote Markdown in fences of the usual three backticks, with fences of the same length inside.
const NESTING = /^\s*(?:markdown|md|mdx|mdc|qmd|rmd)(?![\w-])/i
/** Each one at the end of an info string says that one more fence is open inside already. */
const OPEN_INSIDE = "\ue001"
// More levels than anybody means: the fences do not match.
const DEEPEST = 4

/**
 * Fences as in CommonMark, except that in one whose language is Markdown a fence with a language opens another level.
 * When the text, or the container, ends before all levels do, or they get too many, the fence ends where CommonMark
 * ends it: the rest of an answer is never swallowed for good.
 */
export function nestFences(parser) {
  parser.block.ruler.at("fence", fence, { alt: ["paragraph", "reference", "blockquote", "list"] })
}

/** The info string of a fence that goes on where another, not closed yet, leaves off. */
export function infoToGoOn({ meta }) {
  return meta ? `md${OPEN_INSIDE.repeat(meta.openInside)}` : ""
}

function fence(state, startLine, endLine, silent) {
  const opener = fenceAt(state, startLine)
  if (!opener || (opener.marker === "`" && opener.info.includes("`"))) return false
  if (silent) return true
  const nests = NESTING.test(opener.info)
  const { line, isClosed, openInside } = endOfFence(state, startLine, endLine, opener, nests)
  const token = state.push("fence", "code", 0)
  token.info = opener.info
  token.markup = opener.marker.repeat(opener.length)
  token.content = state.getLines(startLine + 1, line, state.sCount[startLine], true)
  token.meta = nests && !isClosed ? { openInside } : null
  state.line = line + (isClosed ? 1 : 0)
  token.map = [startLine, state.line]
  return true
}

function endOfFence(state, startLine, endLine, { marker, length, info }, nests) {
  const open = [length, ...Array.from(info.matchAll(OPEN_INSIDE), () => length)]
  let firstEnd = -1
  let line = startLine + 1
  for (; line < endLine; line += 1) {
    if (!state.isEmpty(line) && state.sCount[line] < state.blkIndent) break
    const inner = fenceAt(state, line)
    if (!inner || inner.marker !== marker) continue
    if (inner.info.trim() !== "") {
      if (nests && inner.length >= length && !inner.info.includes(marker)) open.push(inner.length)
      if (open.length <= DEEPEST) continue
      if (firstEnd !== -1) return { line: firstEnd, isClosed: true }
      open.length = 1
      nests = false
    } else if (inner.length >= open.at(-1)) {
      open.pop()
      if (open.length === 0) return { line, isClosed: true }
      if (firstEnd === -1) firstEnd = line
    }
  }
  const mayGoOn = line >= state.bMarks.length - 1 && !state.env.ended
  if (firstEnd !== -1 && !mayGoOn) return { line: firstEnd, isClosed: true }
  return { line, isClosed: false, openInside: open.length - 1 }
}

/** The fence that a line may open or close, {marker, length, info}, or null. */
function fenceAt(state, line) {
  const start = state.bMarks[line] + state.tShift[line]
  const marker = state.src[start]
  if ((marker !== "`" && marker !== "~") || state.sCount[line] - state.blkIndent >= 4) return null
  const end = state.skipChars(start, marker.charCodeAt(0))
  if (end - start < 3) return null
  return { marker, length: end - start, info: state.src.slice(end, state.eMarks[line]) }
}
