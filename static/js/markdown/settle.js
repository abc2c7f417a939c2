// Blocks that end by themselves. When something follows a fence it was closed.
const SELF_CONTAINED = new Set(["heading_open", "hr", "fence"])
// Blocks that an empty line ends.
const ENDED_BY_BLANK = new Set(["paragraph_open", "table_open", "blockquote_open"])
const LONG_LINE = 256
const OPENS_BY_WHOLE_LINE = /^ *[`~|:=*_-]/
const TITLE_START = /^[ \t]*["'(]/

/**
 * The top-level blocks of a drawn text that no later text can change, as [{type, start, end, nodes}]: line numbers, the
 * end excluded, and how many nodes each gave.
 *
 * Why they can't change: markdown-it decides line by line, and no rule looks further ahead than one line – a table
 * needs its delimiter row. So where one block ends and the next begins is settled once the next one's first two lines
 * are whole, and a block parsed from its own first line gives what it gives within the whole text.
 */
export function settledBlocks({ tree, definitions, starts, text }) {
  const blocks = topLevelBlocks(tree, definitions)
  const wholeLines = starts.length - 1
  const unsure = blocks.findIndex(mayBeDefinition)
  for (let next = unsure === -1 ? blocks.length - 1 : unsure; next > 0; next -= 1) {
    if (isSettled(blocks[next - 1], blocks[next].start, wholeLines, lineAt)) return blocks.slice(0, next)
  }
  return []

  // "[a]: /b 'c" over "===" is a heading, unless a later line of the same stretch of text closes the title with a quote.
  function mayBeDefinition({ type, start }) {
    const rest = text.slice(starts[start])
    return type === "heading_open" && /^ {0,3}\[/.test(rest) && !/\n[ \t]*\n/.test(rest)
  }

  function lineAt(line) {
    return text.slice(starts[line], starts[line + 1] ?? text.length)
  }
}

function topLevelBlocks(tree, definitions) {
  return [
    ...tree.map(({ type, start, end }) => ({ type, start, end, nodes: 1 })),
    ...definitions.filter(({ level }) => level === 0).map(({ start, end }) => ({ type: "definition", start, end, nodes: 0 })),
  ].sort((one, other) => one.start - other.start)
}

function isSettled(block, nextStart, wholeLines, lineAt) {
  if (block.type === "definition" && !endsDefinition(block, wholeLines, lineAt)) return false
  if (nextStart + 2 <= wholeLines) return true
  if (SELF_CONTAINED.has(block.type)) return block.end <= wholeLines
  if (lineAt(nextStart - 1).trim() !== "") return false
  return ENDED_BY_BLANK.has(block.type) || nextStart < wholeLines || isText(lineAt(nextStart))
}

/** Whether a line that is not whole yet is sure to start a paragraph, or something that starts where one would. */
function isText(line) {
  return line.length > LONG_LINE && !OPENS_BY_WHOLE_LINE.test(line)
}

/** A definition's title may stand on the next line, and run over more. */
function endsDefinition(block, wholeLines, lineAt) {
  return block.end < wholeLines && !TITLE_START.test(lineAt(block.end))
}
