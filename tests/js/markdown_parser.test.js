import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../../static/js/markdown/parser.js"

const types = (text) => parse(text).tokens.map(({ type }) => type)
const inline = (text) => parse(text).tokens.find(({ type }) => type === "inline").children

test("raw HTML is text", () => {
  assert.deepEqual(types("<div>\n<b>x</b>\n</div>"), ["paragraph_open", "inline", "paragraph_close"])
  assert.ok(inline("a <b>x</b>").every(({ type }) => type === "text"))
})

test("a link with a forbidden scheme stays as it was written", () => {
  assert.equal(inline("[x](javascript:alert(1))")[0].content, "[x](javascript:alert(1))")
})

test("only addresses with http or https become links by themselves", () => {
  assert.equal(inline("see https://example.com now")[1].type, "link_open")
  for (const text of ["www.example.com", "example.com", "ftp://example.com", "//example.com", "a@example.com"]) {
    assert.deepEqual(inline(text).map(({ type }) => type), ["text"], text)
  }
})

test("task list items are marked and lose their brackets", () => {
  const { tokens } = parse("- [x] done\n- [ ] open\n- [y] neither\n")
  assert.deepEqual(tokens.filter(({ type }) => type === "list_item_open").map(({ meta }) => meta?.checked), [true, false, undefined])
  assert.equal(tokens.find(({ type }) => type === "inline").children[0].content, "done")
})

test("definitions are reported with their lines, and known ones are used", () => {
  const { definitions } = parse("[a]: https://a.example\n\n> [b]: https://b.example\n")
  assert.deepEqual(definitions.map(({ label, level, start, end }) => [label, level, start, end]), [["A", 0, 0, 1], ["B", 1, 2, 3]])
  const known = { A: { href: "https://known.example", title: "" } }
  const [link] = parse("[a]", known).tokens[1].children
  assert.equal(link.attrGet("href"), "https://known.example")
  assert.deepEqual(Object.keys(known), ["A"])
})

test("quotes nested too deeply end in text", () => {
  const { tokens } = parse(">".repeat(10_000) + " end")
  const text = tokens.find(({ type }) => type === "plain_text")
  assert.ok(text.content.endsWith("> end"))
  assert.ok(Math.max(...tokens.map(({ level }) => level)) <= 41)
})
