import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../../static/js/markdown/parser.js"
import { settledBlocks } from "../../static/js/markdown/settle.js"
import { blockTree, lineStarts } from "../../static/js/markdown/tree.js"

function settled(text) {
  const { tokens, definitions } = parse(text)
  return settledBlocks({ text, tree: blockTree(tokens), definitions, starts: lineStarts(text) }).map(({ type }) => type.replace("_open", ""))
}

test("nothing is settled while only one block has begun", () => {
  assert.deepEqual(settled("some words\nmore words\n"), [])
})

test("a paragraph is settled by an empty line and the beginning of something else", () => {
  assert.deepEqual(settled("words\n\nm"), ["paragraph"])
})

test("a paragraph is not settled by what its next line merely looks like so far", () => {
  assert.deepEqual(settled("words\n```"), [])
  assert.deepEqual(settled("words\n#"), [])
  assert.deepEqual(settled("words\n***"), [])
})

test("a list is not settled by an empty line", () => {
  assert.deepEqual(settled("- item\n\n"), [])
  assert.deepEqual(settled("- item\n\nw"), [])
  assert.deepEqual(settled("- item\n\nwords\n"), ["bullet_list"])
})

test("a closed fence is settled, an open one never", () => {
  assert.deepEqual(settled("```\ncode\n```\nw"), ["fence"])
  assert.deepEqual(settled("```\ncode\n\n\ncode\n"), [])
})

test("a definition whose title may follow is not settled", () => {
  assert.deepEqual(settled("[a]: https://a.example\n'tit"), [])
  assert.deepEqual(settled("[a]: https://a.example\n\nwords\n\nmore"), ["definition", "paragraph"])
})

test("a heading that may yet be a definition is not settled", () => {
  assert.deepEqual(settled("[a]: https://a.example 'title\n===\nmore\nmore\n"), [])
})
