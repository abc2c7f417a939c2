import MarkdownIt from "../../vendor/markdown-it/markdown-it.mjs"
import { emphasizeUnspacedScripts } from "./emphasis.js"
import { nestFences } from "./fence.js"
import { safeUrl } from "./links.js"
import { keepFormulas } from "./math.js"
import { completeOpenEnd } from "./open_end.js"

// Quotes and lists nested deeper than this are shown as the text they are: a line of 50,000 `>` must not become
// 50,000 nested elements, nor vanish.
const DEEPEST_BLOCK = 40
// A `-` under a line is a list item that has just begun, or a stray dash; the title of a heading has more under it.
const SHORTEST_UNDERLINE = 3
const TASK = /^\[([ xX])\][ \t\n]/

const parser = new MarkdownIt({ html: false, linkify: true, typographer: false, breaks: false })
parser.validateLink = (href) => safeUrl(href) !== null
parser.normalizeLinkText = (text) => text
parser.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false }).add("ftp:", null).add("//", null)
parser.block.ruler.before("table", "too_deep", tooDeep)
const underlinedHeading = parser.block.ruler.getRules("").at(-2) // "lheading" stands before "paragraph"
parser.block.ruler.at("lheading", headingWithLongUnderline)
emphasizeUnspacedScripts(parser)
nestFences(parser)
keepFormulas(parser)
completeOpenEnd(parser)
parser.core.ruler.after("block", "definitions", noteDefinitions)
parser.core.ruler.after("inline", "tasks", markTasks)

/**
 * markdown-it's block tokens for a piece of Markdown. `known` holds the link reference definitions of earlier pieces.
 * `ended` says that no more text comes; `open` that what is half there at the end (`**bol`) should look as if it was whole.
 * Returned with them: the definitions found here, as [{label, level, start, end, value}] with line numbers, the end excluded.
 */
export function parse(text, known = {}, { ended = false, open = false } = {}) {
  const environment = { references: Object.create(known), ended, open }
  const tokens = parser.parse(text, environment)
  return { tokens, definitions: environment.definitions }
}

function tooDeep(state, startLine, endLine, silent) {
  if (state.level < DEEPEST_BLOCK) return false
  if (silent) return true
  let line = startLine
  while (line < endLine && !state.isEmpty(line) && state.sCount[line] >= state.blkIndent) line += 1
  line = Math.max(line, startLine + 1)
  const token = state.push("plain_text", "p", 0)
  token.map = [startLine, line]
  token.content = state.getLines(startLine, line, state.blkIndent, false)
  state.line = line
  return true
}

function headingWithLongUnderline(state, startLine, endLine, silent) {
  const { length } = state.tokens
  if (!underlinedHeading(state, startLine, endLine, silent)) return false
  const underline = state.line - 1
  const text = state.src.slice(state.bMarks[underline] + state.tShift[underline], state.eMarks[underline])
  if (text.trim().length >= SHORTEST_UNDERLINE) return true
  state.tokens.length = length
  state.line = startLine
  return false
}

function noteDefinitions(state) {
  state.env.definitions = state.tokens
    .filter((token) => token.type === "reference_definition")
    .map(({ level, map: [start, end], meta: { label } }) => ({ label, level, start, end, value: state.env.references[label] }))
}

function markTasks({ tokens }) {
  for (let i = 2; i < tokens.length; i += 1) {
    if (tokens[i].type === "inline" && tokens[i - 2].type === "list_item_open") markTask(tokens[i - 2], tokens[i])
  }
}

function markTask(item, inline) {
  const task = TASK.exec(inline.content)
  const first = inline.children[0]
  if (!task || first?.type !== "text" || !first.content.startsWith(task[0].trimEnd())) return
  first.content = first.content.slice(3).trimStart()
  item.meta = { checked: task[1] !== " " }
}
