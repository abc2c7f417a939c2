import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../../static/js/markdown/parser.js"

const flat = (tokens) => tokens.flatMap((token) => [token, ...flat(token.children ?? [])])
const formulas = (text) => flat(parse(text).tokens).filter(({ type }) => type.startsWith("math")).map(({ content }) => content)
const shown = (text) => flat(parse(text).tokens).map(({ type, content }) => (type === "inline" ? "" : type === "softbreak" ? "\n" : content)).join("")

// markedjs/marked#3445, theacodes/cmarkgfm#67
test("the source of a formula is kept as it was written", () => {
  const sources = [
    "\\(E = mc^2\\)", "\\(i \\in \\{1,2\\}\\)", "\\(a_1 * b_2 * c\\)", "\\(x^* y^*\\)", "\\(a \\\\) b\\)", "$$a_1 * b_1 * c$$", "$\\{1,2\\}$",
    "$x_i * y_i * z$", "\\[ a_{1} \\\\ b \\]", "\\[\na\n= b \\\\\n- c\n# d\n\\]", "$$\na &= b \\\\\n===\n$$",
    "\\begin{align}\na &= b \\\\\n* c &= d * e\n\\end{align}", "\\begin{pmatrix*} a & b \\\\ c & d \\end{pmatrix*}",
  ]
  for (const source of sources) {
    assert.deepEqual(formulas(source), [source])
    assert.deepEqual(formulas(`> - In a list:\n>   ${source.replaceAll("\n", "\n>   ")}\n>   and more`), [source], "in a list in a quote")
    if (!source.includes("\n")) assert.deepEqual(formulas(`so *that* ${source}, **then**`), [source], "in a line")
  }
})

test("a backslash that TeX needs is not eaten outside of formulas either", () => {
  for (const text of ["a &= b \\\\", "\\{1,2\\}", "x \\, y", "\\[", "\\]", "\\(", "1 \\% of \\& that"]) assert.equal(shown(text), text)
})

test("Markdown's own escapes still work", () => {
  assert.equal(shown("\\*a\\* \\_b\\_ \\# \\` \\| \\$5 \\~ \\<"), "*a* _b_ # ` | $5 ~ <")
  assert.equal(flat(parse("\\[a](https://b.example)").tokens).some(({ type }) => type === "link_open"), false)
})

test("dollars in prose are no formula", () => {
  for (const text of ["It costs $5 and $10.", "from $5_000 to $6_000", "US$a_b$c", "$HOME/*.txt and $PATH*", "a $ b_c $ d", "$a$"]) {
    assert.deepEqual(formulas(text), [], text)
  }
})

test("what only looks like a formula takes no more than its paragraph", () => {
  const { tokens } = parse("$$ is slang\n\n- *one*\n")
  assert.deepEqual(tokens.map(({ type }) => type).slice(0, 2), ["math_block", "bullet_list_open"])
  assert.deepEqual(formulas("\\(never closed *so* it is text"), [])
})
