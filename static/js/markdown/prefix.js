// A line that opens a list item and closes its first block at once. No list marker is an underscore, so `- ___` can't
// be read as a thematic break itself.
const PLACEHOLDER = "___"
const QUOTE = /^ *> ?/
const MARKER = /^( *(?:[-+*]|\d{1,9}[.)]))( *)/
const FENCE = /^ *(?:`{3,}|~{3,})/

/**
 * What stands before the content of a line: the quote and list markers of the containers it is in. `containers` says,
 * from the outermost in, "quote", "item" (opened on this very line) or "inside" (an item opened earlier). Null if
 * the line does not have them in plain spaces.
 */
export function linePrefix(line, containers) {
  let prefix = ""
  for (const container of containers) {
    const found = consume(line.slice(prefix.length), container)
    if (found === null) return null
    prefix += found
  }
  return `${prefix}${line[prefix.length]}`.includes("\t") ? null : prefix
}

/** A line that stands for a list item whose earlier content is left out. */
export function itemOpener(line, containers) {
  const prefix = linePrefix(line, containers)
  if (prefix === null) return null
  return `${prefix.endsWith(" ") ? prefix : `${prefix} `}${PLACEHOLDER}\n`
}

/** A line that opens the same fence, without its info string. */
export function fenceOpener(line, containers) {
  const prefix = linePrefix(line, containers)
  const fence = prefix === null ? null : FENCE.exec(line.slice(prefix.length))
  return fence && `${prefix}${fence[0]}\n`
}

/** What a later line needs to stand in the same containers: the quote markers, and blanks for everything else. */
export function continuation(prefix) {
  return prefix.replace(/[^>]/g, " ")
}

function consume(rest, container) {
  if (container === "inside") return ""
  if (container === "quote") return QUOTE.exec(rest)?.[0] ?? null
  const marker = MARKER.exec(rest)
  if (!marker) return null
  const [, mark, blanks] = marker
  const empty = rest.length === marker[0].length
  return mark + (empty || blanks.length > 4 ? blanks.slice(0, 1) : blanks)
}
