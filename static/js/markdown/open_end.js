// While text comes, its end is half of something. What is not clear yet is held back for a moment (`clearLength`); what
// is clear but not closed looks as if it was (`completeOpenEnd`): no mark is shown that the next words take away.

const LONGEST_HELD_LINE = 300
const LONGEST_HELD_END = 80
// How many may stand at the end at once, as in `- [ ] **[`.
const MOST_MARKS = 5
// A mark that has not been closed within so many characters is more likely just a character.
const LONGEST_OPEN = 400

// Lines that say only what block begins, not yet what is in it; a fence whose language is still coming; a definition.
const ONLY_MARKERS = /^[ \t>]*(?:\d{1,9}[.)][ \t]+)?[ \t>*+\-_=~`#:|]*(?:\d{1,9}[.)]?[ \t]*)?(?:\[[ xX\d^]*\]?)?[ \t]*$/
const FENCE = /^[ \t>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+){0,9}(?:`{3,}[^`]*|~{3,}.*)$/
const DEFINITION = /^ {0,3}!?\[(?:[^\]]{0,40}\]?|[^\]]+\]:[ \t]*\S*(?:[ \t]+["'(].*)?)$/
// Characters at the end that more of the same, or what follows, may turn into a mark; half an entity, address or emoji.
const UNCLEAR_END = /(?:\\?[*_~`]+|\\?\[|(?<=^|\s)!\[?|&#?\w{0,31}|<(?:[a-z][a-z\d+.-]*(?::[^\s<>]*)?)?|\\|\u200d)$/i
const HALF_FLAG = /(?<![\u{1f1e6}-\u{1f1ff}])(?:[\u{1f1e6}-\u{1f1ff}]{2})*([\u{1f1e6}-\u{1f1ff}])$/u

/** How much of an unfinished text can be drawn without drawing marks that may not stay. */
export function clearLength(text) {
  let length = text.length
  for (let marks = 0; marks < MOST_MARKS; marks += 1) {
    const clear = length - unclearAtEnd(text.slice(0, length)).length
    if (clear === length) break
    length = clear
  }
  return length
}

function unclearAtEnd(text) {
  const last = text.slice(text.lastIndexOf("\n") + 1)
  if (last.length <= LONGEST_HELD_LINE && (ONLY_MARKERS.test(last) || FENCE.test(last) || DEFINITION.test(last))) return last
  const end = last.slice(-LONGEST_HELD_END)
  return UNCLEAR_END.exec(end)?.[0] ?? HALF_FLAG.exec(end)?.[1] ?? ""
}

// `[text`, `[text]`, `[text](addr`, and the same of images. Footnotes, task boxes and indices stay as they are.
const OPEN_LINK =
  /!?\[((?![\d^]+(?:\]|$)|[ xX]?(?:\]|$))(?:[^[\]\n\\]|\\.|\[[^[\]\n]*\])*)(?:\](?:\((?:<[^>\n]*|[^\s()]*(?:\([^\s()]*\)?[^\s()]*)?(?:\s+["'(][^\n]*)?)?)?)?$/y
const WORD_END = /[A-Za-z0-9]$/
const VALUE_END = /[A-Za-z0-9)\]]$/

export function completeOpenEnd(parser) {
  parser.core.ruler.before("inline", "open_end", findOpenEnd)
  parser.block.ruler.before("table", "open_table", openTable, { alt: ["paragraph", "reference"] })
  parser.inline.ruler.before("backticks", "open_code", openCode)
  parser.inline.ruler.before("link", "open_link", openLink)
  parser.inline.ruler2.after("balance_pairs", "open_emphasis", openEmphasis)
}

/** Notes the content that the text ends in, if it ends in any. Of all blocks, only a paragraph goes on in a new line. */
function findOpenEnd({ src, tokens, env }) {
  if (!env.open) return
  const text = src.replace(/\n$/, "")
  const block = tokens.findLast(({ level, map }) => level === 0 && map)
  if (/\n[ \t>]*$/.test(text.slice(-LONGEST_HELD_END)) || !(block?.map[1] > text.split("\n").length - 1)) return
  const index = tokens.findLastIndex((token) => !isBehindTheEnd(token))
  if (tokens[index]?.type !== "inline" || (text !== src && tokens[index - 1].type !== "paragraph_open")) return
  env.openChildren = tokens[index].children
}

/** A row of a table is filled up with empty cells. */
function isBehindTheEnd({ type, nesting, content }) {
  return nesting < 0 || type === "td_open" || type === "th_open" || (type === "inline" && content === "")
}

function isOpenEnd(state) {
  return state.tokens === state.env.openChildren && state.posMax === state.src.length && state.posMax - state.pos <= LONGEST_OPEN
}

/** The first line of a table whose second one has not come. */
function openTable(state, startLine, endLine, silent) {
  const indent = state.sCount[startLine] - state.blkIndent
  if (!state.env.open || startLine !== state.bMarks.length - 2 || indent < 0 || indent >= 4) return false
  const line = state.src.slice(state.bMarks[startLine] + state.tShift[startLine], state.eMarks[startLine]).trim()
  if (!line.startsWith("|") || line.length < 2) return false
  if (silent) return true
  const map = [startLine, startLine + 1]
  for (const [type, tag] of [["table", "table"], ["thead", "thead"], ["tr", "tr"]]) state.push(`${type}_open`, tag, 1).map = map
  for (const text of line.slice(1).replace(/\|$/, "").split(/(?<!\\)\|/)) {
    state.push("th_open", "th", 1)
    Object.assign(state.push("inline", "", 0), { content: text.replaceAll("\\|", "|").trim(), children: [] })
    state.push("th_close", "th", -1)
  }
  for (const type of ["tr", "thead", "table"]) state.push(`${type}_close`, type, -1)
  state.line = startLine + 1
  return true
}

function openCode(state, silent) {
  if (silent || state.src[state.pos] !== "`" || !isOpenEnd(state)) return false
  const [marker] = /^`+/.exec(state.src.slice(state.pos))
  const rest = state.src.slice(state.pos + marker.length)
  if (rest.trim() === "" || rest.match(/`+/g)?.includes(marker)) return false
  state.push("code_inline", "code", 0).content = rest.replaceAll("\n", " ").trim()
  state.pos = state.posMax
  return true
}

function openLink(state, silent) {
  if (silent || !isOpenEnd(state) || VALUE_END.test(state.src[state.pos - 1] ?? "")) return false
  OPEN_LINK.lastIndex = state.pos
  const found = OPEN_LINK.exec(state.src)
  if (!found) return false
  const { posMax } = state
  state.pos += found[0].indexOf("[") + 1
  state.posMax = state.pos + found[1].length
  state.md.inline.tokenize(state)
  state.pos = state.posMax = posMax
  return true
}

/** Closes what is open at the end, the innermost first. */
function openEmphasis(state) {
  if (state.tokens !== state.env.openChildren) return
  const open = openDelimiters(state)
  for (const opener of open.reverse()) {
    state.push("text", "", 0)
    state.delimiters.push({ marker: opener.marker, length: opener.length, token: state.tokens.length - 1, end: -1, open: false, close: true })
    opener.end = state.delimiters.length - 1
  }
}

function openDelimiters({ tokens, delimiters }) {
  const first = firstTokenNearTheEnd(tokens)
  let covered = -1
  return delimiters.filter((delimiter, index) => {
    const isInside = index < covered
    covered = Math.max(covered, delimiter.end)
    return !isInside && delimiter.open && delimiter.end < 0 && delimiter.token >= first && !followsWord(tokens, delimiter.token)
  })
}

function firstTokenNearTheEnd(tokens) {
  let length = 0
  let first = tokens.length
  while (first > 0 && length <= LONGEST_OPEN) {
    first -= 1
    length += tokens[first].content.length
  }
  return first
}

/** Whether a run of marks stands behind a word, as in `2**3`. */
function followsWord(tokens, index) {
  const mark = tokens[index].content
  let before = index - 1
  while (tokens[before]?.content === mark && index - before < LONGEST_OPEN) before -= 1
  return tokens[before]?.type === "text" && WORD_END.test(tokens[before].content)
}
