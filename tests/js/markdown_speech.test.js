import assert from "node:assert/strict"
import { test } from "node:test"
import { speakable } from "../../static/js/markdown/speech.js"

test("marks are not said", () => {
  const cases = {
    "Hello **world**": "Hello world",
    "# Title\n\nSome *soft* `code` and ~~gone~~.": "Title. Some soft code and gone.",
    "Roses are red\nViolets are blue": "Roses are red Violets are blue",
    "See [the page](https://example.com/a) and https://example.org/b": "See the page and https://example.org/b",
    "![a chart](https://example.com/a.png)": "Image: a chart",
    "- one\n- **two**\n\n3. three\n4. four": "one. two. 3. three. 4. four",
    "- [x] this\n- [ ] that": "Done: this. To do: that",
    "> quoted\n\n---\n\nend": "quoted. end",
    "Run:\n```python\nx = 1\ny = 2\n```": "Run: Code in python, 2 lines.",
    "```\nls\n```\nThen": "Code, 1 line. Then",
    "| a | b |\n|---|---|\n| 1 | **2** |": "Table: a, b. 1, 2",
    "**重要。**次": "重要。次",
    "\\(x_1\\) &amp; y": "\\(x_1\\) & y",
    "": "",
  }
  for (const [markdown, words] of Object.entries(cases)) assert.equal(speakable(markdown), words, markdown)
})
