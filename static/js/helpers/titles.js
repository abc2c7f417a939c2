const LONGEST_TITLE = 60
const MAX_CHARACTERS = 255
const LONGEST_LOOK = 2048

const LINE_END = /\r\n|[\n\r\v\f\x85\u2028\u2029]/
const VISIBLE = /[^\p{Cc}\p{Cf}\p{Z}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe00-\ufe0f]/u

// A chat's title is the first line of its first message that shows something, cut between words. What a reader sees as
// one character stays whole. The same as macrochat/chats/titles.py makes: at most 255 code points.
export function titleFrom(text) {
  const lines = wellFormed(text).split(LINE_END).map(line => line.replace(/\s+/g, " ").trim())
  const line = lines.find(line => VISIBLE.test(line)) ?? "New chat"
  const clusters = beginningOf(line)
  if (clusters.join("") === line) return line
  const space = clusters.lastIndexOf(" ")
  const cut = space > LONGEST_TITLE / 2 ? clusters.slice(0, space) : clusters
  return `${cut.join("").replace(/[ ,.;:]+$/, "")}…`
}

function beginningOf(line) {
  const room = lengthOf(line) <= MAX_CHARACTERS ? MAX_CHARACTERS : MAX_CHARACTERS - 1
  const clusters = []
  let length = 0
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(line.slice(0, LONGEST_LOOK))) {
    length += lengthOf(segment)
    if (clusters.length === LONGEST_TITLE || length > room) break
    clusters.push(segment)
  }
  return clusters.length ? clusters : [Array.from(line).slice(0, room).join("")]
}

// Code points, as the server counts.
function lengthOf(text) {
  return Array.from(text).length
}

// Half an emoji and NUL are nothing that a server could keep.
function wellFormed(text) {
  return text.replace(/\0/g, "").replace(/\p{Surrogate}/gu, "\ufffd")
}
