// Embeddings, overrides and isolates (Unicode TR 9) can make text and code read differently from what they say
// ("Trojan Source", CVE-2021-42574). The plain marks U+200E, U+200F and U+061C reorder nothing and stay.
const BIDI_CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g

/** The text with invisible direction controls spelled out. */
export function visibleControls(text) {
  return text.replace(BIDI_CONTROLS, (control) => `⟨U+${control.charCodeAt(0).toString(16).toUpperCase()}⟩`)
}

/** Turns CRLF and CR into LF across chunk borders: a CR at the end of a chunk is kept back until the next one. */
export class LineEndings {
  #carriageReturn = false

  write(text) {
    let whole = this.#carriageReturn ? `\r${text}` : text
    this.#carriageReturn = whole.endsWith("\r")
    if (this.#carriageReturn) whole = whole.slice(0, -1)
    return normalizeNewlines(whole)
  }

  end() {
    const last = this.#carriageReturn ? "\n" : ""
    this.#carriageReturn = false
    return last
  }
}

export function normalizeNewlines(text) {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text
}
