import assert from "node:assert/strict"
import test from "node:test"
import { EventStreamParser, readCursor } from "../../static/js/helpers/event_stream.js"
import { addRestart, addText, addThought, storedParts } from "../../static/js/helpers/parts.js"
import { duration, gistOf, thinkingFor, thoughtFor } from "../../static/js/helpers/thoughts.js"

const BODY = ": life\n\nevent: delta\nid: 4.9\ndata: {\"text\":\"é🎈\"}\n\nevent:reasoning\r\nid:4.20\r\ndata:{\"text\":\r\ndata:\"hm\"}\r\n\r\nid: 7\n\nevent: x\ndata: {oops\n\ndata: {\"last\":1}\n\nevent: half\ndata: {"

test("events are read wherever their bytes are cut", () => {
  const bytes = Buffer.from(BODY)
  for (let size = 1; size < 40; size++) {
    const parser = new EventStreamParser()
    const found = []
    for (let at = 0; at < bytes.length; at += size) found.push(...parser.feed(new Uint8Array(bytes.subarray(at, at + size))))
    assert.deepEqual(found, [
      { name: "delta", id: "4.9", data: { text: "é🎈" } },
      { name: "reasoning", id: "4.20", data: { text: "hm" } },
      { name: "message", id: "", data: { last: 1 } },
    ], `pieces of ${size} bytes`)
  }
})

test("a cursor of a server without traces is one number", () => {
  assert.deepEqual(readCursor("12.34"), { text: 12, trace: 34 })
  assert.deepEqual(readCursor("12"), { text: 12, trace: 0 })
})

test("time is told as people say it", () => {
  assert.deepEqual([0, 999, 41_000, 120_000, 123_000, 3_720_000].map(duration), ["0 s", "0 s", "41 s", "2 min", "2 min 3 s", "1 h 2 min"])
  assert.equal(thinkingFor(300), "Thinking")
  assert.equal(thinkingFor(41_000), "Thinking · 41 s")
  assert.equal(thoughtFor(123_000), "Thought for 2 min 3 s")
  assert.equal(thoughtFor(null), "Thought for a moment")
})

test("what a thought has come to is its last heading, or its last sentence", () => {
  assert.equal(gistOf("**Looking at the sky**\n\nIt is blue. Why is"), "Looking at the sky")
  assert.equal(gistOf("### A plan\nFirst this."), "A plan")
  assert.equal(gistOf("It is blue. Light is scattered. And th"), "Light is scattered.")
  assert.equal(gistOf("- one `thing`"), "one thing")
  assert.equal(gistOf(""), "")
  assert.ok(gistOf("x".repeat(500)).length <= 120)
  assert.equal(gistOf(`${"long ".repeat(100_000)}\nThe end.`), "The end.")
})

test("parts grow, in the order in which things came", () => {
  const parts = []
  addThought(parts, { text: "a", t: 1 })
  addThought(parts, { text: "b", t: 2 })
  addText(parts, "x")
  addText(parts, "y")
  addRestart(parts, { hurried: true })
  addThought(parts, { text: "c", t: 3 })
  assert.deepEqual(parts, [
    { type: "reasoning", text: "ab", startedAt: 1000, endedAt: 2000 },
    { type: "text", text: "xy" },
    { type: "restart", hurried: true },
    { type: "reasoning", text: "c", startedAt: 3000, endedAt: 3000 },
  ])
})

test("stored parts know when they were thought, as far as anybody does", () => {
  const thought = { type: "reasoning", text: "a", startedAt: "1970-01-01T00:00:01.000Z", durationMs: 500 }
  assert.deepEqual(storedParts({ parts: [thought] })[0], { type: "reasoning", text: "a", startedAt: 1000, endedAt: 1500 })
  assert.equal(storedParts({ parts: [{ ...thought, startedAt: null }] })[0].endedAt, null)
  assert.deepEqual(storedParts({ content: "x" }), [{ type: "text", text: "x" }])
  assert.deepEqual(storedParts({ content: "" }), [])
})
