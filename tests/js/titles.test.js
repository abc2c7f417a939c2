import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import test from "node:test"
import { titleFrom } from "../../static/js/helpers/titles.js"

const FAMILY = "👨\u200d👩\u200d👧\u200d👦"
const CLUSTERS = [FAMILY, "👩🏽\u200d🚀", "🇩🇪", "1️⃣", "e\u0301", "\u1100\u1161\u11a8", "नि"]
const lengthOf = text => Array.from(text).length

test("makes the titles that the server makes", () => {
  const examples = JSON.parse(readFileSync(new URL("../support/titles.json", import.meta.url)))
  for (const [text, title] of examples) assert.equal(titleFrom(text), title)
})

test("thirty family emoji are a title of thirty families", () => {
  assert.equal(titleFrom(FAMILY.repeat(30)), FAMILY.repeat(30))
})

// Gitlawb/openclaude#1982
test("cuts nothing that a reader sees as one character", () => {
  for (const cluster of CLUSTERS) {
    for (const before of ["", "a", "ab "]) {
      const title = titleFrom(before + cluster.repeat(200))
      assert.ok(lengthOf(title) <= 255 && title.endsWith("…"), title)
      const rest = title.slice(before.length, -1)
      assert.equal(rest, cluster.repeat(rest.length / cluster.length))
    }
  }
})

test("half an emoji and NUL do not keep a chat from getting a title", () => {
  assert.equal(titleFrom("\ud83d half\0"), "\ufffd half")
  assert.ok(lengthOf(titleFrom(`a${"\u0301".repeat(100_000)}`)) <= 255)
})
