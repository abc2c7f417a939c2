import assert from "node:assert/strict"
import { test } from "node:test"
import { LineEndings, normalizeNewlines, visibleControls } from "../../static/js/markdown/text.js"

test("direction overrides and isolates are spelled out, plain marks stay", () => {
  assert.equal(visibleControls("a\u202eb\u2066c\u2069"), "a⟨U+202E⟩b⟨U+2066⟩c⟨U+2069⟩")
  assert.equal(visibleControls("\u200e\u200f\u061c"), "\u200e\u200f\u061c")
})

test("all line endings become line feeds", () => {
  assert.equal(normalizeNewlines("a\r\nb\rc\n\r\n\r"), "a\nb\nc\n\n\n")
})

test("line endings are the same however the text is cut", () => {
  const text = "a\r\nb\r\r\nc\n\rd\r"
  for (let size = 1; size <= text.length; size += 1) {
    const endings = new LineEndings()
    let result = ""
    for (let at = 0; at < text.length; at += size) result += endings.write(text.slice(at, at + size))
    assert.equal(result + endings.end(), normalizeNewlines(text), `in pieces of ${size}`)
  }
})
