// Words about thinking.

const LOOK_AT = 1000  // characters at a thought's end: enough for a line
const LINE_LENGTH = 120
const BOLD_LINE = /^\*\*(.+?)\*\*:?$/
const HEADING = /^#{1,6}\s+(.+)$/

// "41 s", "2 min 3 s", "1 h 2 min".
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 60)} h`
}

export function thinkingFor(ms) {
  return ms < 1000 ? "Thinking" : `Thinking · ${duration(ms)}`
}

export function thoughtFor(ms) {
  return ms === null || ms < 1000 ? "Thought for a moment" : `Thought for ${duration(ms)}`
}

// What a thought has come to: its last heading, or the last sentence behind it. At a cost that does not grow with it.
export function gistOf(text) {
  const lines = text.slice(-LOOK_AT).split("\n").map(line => line.trim()).filter(Boolean)
  if (text.length > LOOK_AT) lines.shift()  // it may have been cut
  const heading = lines.findLastIndex(line => BOLD_LINE.test(line) || HEADING.test(line))
  if (heading >= 0) return shorten((BOLD_LINE.exec(lines[heading]) ?? HEADING.exec(lines[heading]))[1])
  const sentences = (lines.at(-1) ?? "").match(/[^.!?…。！？]+[.!?…。！？]+(?=\s|$)/g)
  return shorten((sentences?.at(-1) ?? lines.at(-1) ?? "").trim())
}

function shorten(line) {
  const plain = line.replace(/^(?:[-*>]|\d+[.)])\s+/, "").replace(/[*_`]+/g, "")
  return plain.length > LINE_LENGTH ? `${plain.slice(0, LINE_LENGTH - 1).trimEnd()}…` : plain
}
