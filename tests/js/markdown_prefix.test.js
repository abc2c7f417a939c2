import assert from "node:assert/strict"
import { test } from "node:test"
import { continuation, fenceOpener, itemOpener, linePrefix } from "../../static/js/markdown/prefix.js"

test("an item opener keeps the markers and the place where the content starts", () => {
  assert.equal(itemOpener("- a", ["item"]), "- ___\n")
  assert.equal(itemOpener("12)   a", ["item"]), "12)   ___\n")
  assert.equal(itemOpener("> 1. a", ["quote", "item"]), "> 1. ___\n")
  assert.equal(itemOpener("  * a", ["inside", "item"]), "  * ___\n")
  assert.equal(itemOpener("- - a", ["item", "item"]), "- - ___\n")
  assert.equal(itemOpener("- - a", ["item"]), "- ___\n")
})

test("an empty item and one that starts with indented code count one blank", () => {
  assert.equal(itemOpener("-", ["item"]), "- ___\n")
  assert.equal(itemOpener("-   ", ["item"]), "- ___\n")
  assert.equal(itemOpener("-      code", ["item"]), "- ___\n")
})

test("a fence opener has no info string", () => {
  assert.equal(fenceOpener("```js title", []), "```\n")
  assert.equal(fenceOpener("> - ~~~~ x", ["quote", "item"]), "> - ~~~~\n")
  assert.equal(fenceOpener("   ```", ["inside"]), "   ```\n")
})

test("tabs, and lines without the markers, are refused", () => {
  assert.equal(itemOpener("-\ta", ["item"]), null)
  assert.equal(linePrefix("\ttext", ["inside"]), null)
  assert.equal(linePrefix("lazy", ["quote"]), null)
  assert.equal(fenceOpener("text", []), null)
})

test("a continuation has quote markers, and blanks for list markers", () => {
  assert.equal(continuation("> - > 1. "), ">   >    ")
})
