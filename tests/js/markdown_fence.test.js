import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../../static/js/markdown/parser.js"

const blocks = (text, ended = true) =>
  parse(text, {}, { ended }).tokens.filter(({ type }) => type === "fence" || type === "inline").map(({ type, content }) => `${type}: ${content}`)

// FiligranHQ/filigran-ui#288, markedjs/marked#3231
test("a fence of Markdown holds the fences in it", () => {
  const inner = "# Title\n```python\nprint()\n```\nmore\n```sh\nls\n```\n"
  for (const language of ["markdown", "md", "Markdown title=x", " mdx"]) {
    assert.deepEqual(blocks(`\`\`\`${language}\n${inner}\`\`\`\nafter`), [`fence: ${inner}`, "inline: after"], language)
  }
  assert.deepEqual(blocks(`- in a list:\n\n  \`\`\`md\n  \`\`\`js\n  x\n  \`\`\`\n  \`\`\`\n`).at(-1), "fence: ```js\nx\n```\n")
  assert.deepEqual(blocks("~~~md\n~~~js\nx\n~~~\n~~~\nafter"), ["fence: ~~~js\nx\n~~~\n", "inline: after"])
})

test("fences of Markdown in fences of Markdown", () => {
  assert.deepEqual(blocks("```md\n```md\n```js\nx\n```\n```\n```\nafter"), ["fence: ```md\n```js\nx\n```\n```\n", "inline: after"])
})

test("while more may come, an open fence stays open", () => {
  assert.deepEqual(blocks("```md\n```js\nx\n```\nmore", false), ["fence: ```js\nx\n```\nmore"])
})

test("when the ends do not match, the rest of the answer is not swallowed", () => {
  assert.deepEqual(blocks("```md\n```js\nx\n```\nafter"), ["fence: ```js\nx\n", "inline: after"])
  assert.deepEqual(blocks("- ```md\n  ```js\n  x\n  ```\n\nafter", false), ["fence: ```js\nx\n", "inline: after"])
  const many = blocks(`\`\`\`md\n${"```js\nx\n```\n\n```md\n".repeat(9)}after`, false)
  assert.equal(many[0], "fence: ```js\nx\n")
})

test("other fences are as in CommonMark", () => {
  assert.deepEqual(blocks("```python\n```js\nx\n```\nafter"), ["fence: ```js\nx\n", "inline: after"])
  assert.deepEqual(blocks("````md\n```js\nx\n```\n````\nafter"), ["fence: ```js\nx\n```\n", "inline: after"])
  assert.deepEqual(blocks("```md\nx\n```\nafter"), ["fence: x\n", "inline: after"])
})
