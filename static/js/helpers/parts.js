// What a reply is made of, in order: { type: "reasoning", text, startedAt, endedAt } (milliseconds since 1970, null where
// nobody knows), { type: "text", text }, { type: "restart", hurried }. These take what comes and grow the last part, or
// add one.

export function addText(parts, text) {
  const last = parts.at(-1)
  if (last?.type === "text") last.text += text
  else parts.push({ type: "text", text })
}

// `t` in seconds since 1970.
export function addThought(parts, { text, t }) {
  const at = t * 1000
  const last = parts.at(-1)
  if (last?.type === "reasoning") Object.assign(last, { text: last.text + text, endedAt: at })
  else parts.push({ type: "reasoning", text, startedAt: at, endedAt: at })
}

export function addRestart(parts, { hurried = false }) {
  parts.push({ type: "restart", hurried })
}

// From a message as the server tells it.
export function storedParts({ content = "", parts }) {
  if (!parts) return content ? [{ type: "text", text: content }] : []
  return parts.map(part => part.type === "reasoning" ? storedThought(part) : part)
}

function storedThought({ text, startedAt, durationMs }) {
  const began = startedAt ? Date.parse(startedAt) : null
  return { type: "reasoning", text, startedAt: began, endedAt: began === null ? null : began + (durationMs ?? 0) }
}

export function hasThought({ parts = [] }) {
  return parts.some(({ type }) => type === "reasoning")
}
