// What a formula may start with, and what ends it then.
const OPENER = /\\\[|\\\(|\$\$|\\begin\{([A-Za-z]{1,30}\*?)\}/y
const BLOCK_OPENER = /^(?:\\\[|\$\$(?!\$)|\\begin\{([A-Za-z]{1,30}\*?)\})/
// `$x_1$` but no prices: no space inside the dollars, no letter or digit outside, and something that Markdown would touch.
const DOLLARS = /\$(?=[^\s$])((?:[^$\\\n`]|\\[^\n])*)(?<!\s)\$(?![\w$])/y
const TOUCHED_BY_MARKDOWN = /[\\*_^~[\]<>&]/
const CLOSERS = { "\\(": "\\)", "\\[": "\\]", $$: "$$" }
const LONGEST = 4000
// While text comes, a formula that has begun so near the end is taken to go on.
const NEAR_THE_END = 400
// A backslash before one of these is TeX's more often than Markdown's. It still takes the character's meaning.
const KEPT_ESCAPES = new Set("\\()[]{},;:&%^")

/** Keeps the source of TeX as it was written: no backslash is eaten, no `_` or `*` in a formula is emphasis. */
export function keepFormulas(parser) {
  parser.block.ruler.before("fence", "math_block", mathBlock, { alt: ["paragraph", "reference", "blockquote", "list"] })
  parser.inline.ruler.before("escape", "math", math)
  parser.inline.ruler.after("math", "tex_escape", texEscape)
}

function math(state, silent) {
  const end = endOfFormula(state)
  if (end === -1) return false
  if (!silent) state.push("math", "", 0).content = state.src.slice(state.pos, end)
  state.pos = end
  return true
}

function endOfFormula(state) {
  const { src, pos, posMax } = state
  if (src[pos] !== "\\" && src[pos] !== "$") return -1
  OPENER.lastIndex = pos
  const opener = OPENER.exec(src)
  if (!opener) return endOfDollars(state)
  const closer = closerOf(opener)
  const from = pos + opener[0].length
  const end = state.unclosed?.has(closer) ? -1 : indexOfCloser(src.slice(0, from + LONGEST), closer, from)
  if (end !== -1 && end <= posMax) return end
  if (end === -1 && from + LONGEST >= src.length) (state.unclosed ??= new Set()).add(closer)
  return state.tokens === state.env.openChildren && posMax === src.length && posMax - pos < NEAR_THE_END ? posMax : -1
}

function endOfDollars({ src, pos, posMax }) {
  if (src[pos] !== "$" || /[\w$]/.test(src[pos - 1] ?? "")) return -1
  DOLLARS.lastIndex = pos
  const found = DOLLARS.exec(src)
  return found && DOLLARS.lastIndex <= posMax && TOUCHED_BY_MARKDOWN.test(found[1]) ? DOLLARS.lastIndex : -1
}

function closerOf([opener, environment]) {
  return environment ? `\\end{${environment}}` : CLOSERS[opener]
}

/** The index after `closer`, or -1. A backslash takes the next character with it, so `\\)` closes nothing. */
function indexOfCloser(text, closer, from) {
  if (closer === "$$") {
    const index = text.indexOf(closer, from)
    return index === -1 ? -1 : index + closer.length
  }
  for (let index = text.indexOf("\\", from); index !== -1; index = text.indexOf("\\", index + 2)) {
    if (text.startsWith(closer, index)) return index + closer.length
  }
  return -1
}

function texEscape(state, silent) {
  const { src, pos, posMax } = state
  if (src[pos] !== "\\" || pos + 1 >= posMax || !KEPT_ESCAPES.has(src[pos + 1])) return false
  if (!silent) state.pending += src.slice(pos, pos + 2)
  state.pos += 2
  return true
}

/**
 * A formula on lines of its own: until the line that ends it, else until a blank line, so that what only looks like
 * one spoils no more than a paragraph, and no line needs to know what comes after it.
 */
function mathBlock(state, startLine, endLine, silent) {
  const start = state.bMarks[startLine] + state.tShift[startLine]
  const first = state.src.slice(start, Math.min(state.eMarks[startLine], start + LONGEST + 1))
  const opener = BLOCK_OPENER.exec(first)
  if (!opener || first.length > LONGEST || state.sCount[startLine] - state.blkIndent >= 4) return false
  const closer = closerOf(opener)
  const end = indexOfCloser(first, closer, opener[0].length)
  if (end !== -1 && /[^\s.,;:!?]/.test(first.slice(end))) return false
  if (silent) return true
  const nextLine = end === -1 ? endOfBlock(state, startLine, endLine, closer) : startLine + 1
  const token = state.push("math_block", "", 0)
  token.content = state.getLines(startLine, nextLine, state.sCount[startLine], false).trim()
  token.map = [startLine, nextLine]
  state.line = nextLine
  return true
}

function endOfBlock(state, startLine, endLine, closer) {
  let line = startLine + 1
  for (; line < endLine; line += 1) {
    if (state.isEmpty(line) || state.sCount[line] < state.blkIndent) break
    if (state.eMarks[line] - state.bMarks[startLine] > LONGEST) break
    if (indexOfCloser(state.src.slice(state.bMarks[line], state.eMarks[line]), closer, 0) !== -1) return line + 1
  }
  return line
}
