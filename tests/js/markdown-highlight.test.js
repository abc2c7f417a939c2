import assert from "node:assert/strict"
import { test } from "node:test"
import { groups, pieces } from "../../static/js/helpers/markdown-highlight-worker.js"

test("the highlighter's markup becomes coloured pieces with the same text", () => {
  const markup = '<span class="hljs-keyword">if</span> a &lt; <span class="hljs-string">&quot;x <span class="hljs-subst">${b}</span>&quot;</span> &amp;&amp; c'
  assert.deepEqual(pieces(markup), [
    ["keyword", "if"], ["", " a < "], ["string", "\"x "], ["", "${b}"], ["string", "\""], ["", " && c"],
  ])
})

test("a scope without a colour of its own keeps the one around it", () => {
  assert.deepEqual(pieces('<span class="hljs-title function_">f<span class="hljs-params">(x)</span></span>'), [["title", "f"], ["title", "(x)"]])
})

test("what was escaped twice in the code is unescaped once", () => {
  assert.deepEqual(pieces("&amp;lt;b&amp;gt;"), [["", "&lt;b&gt;"]])
})

test("pieces are cut at the borders of the line groups", () => {
  const lines = Array.from({ length: 130 }, (_, index) => `line ${index}\n`).join("")
  const cut = groups([["comment", lines], ["", "end"]])
  assert.deepEqual(cut.map((group) => group.map(([, text]) => text).join("").split("\n").length - 1), [64, 64, 2])
  assert.equal(cut.flat().map(([, text]) => text).join(""), `${lines}end`)
})
