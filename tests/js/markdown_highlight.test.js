import assert from "node:assert/strict"
import { readdirSync } from "node:fs"
import { test } from "node:test"
import { languageOf } from "../../static/js/markdown/code.js"
import { grammarOf, ours, published } from "../../static/js/markdown/highlight_worker_languages.js"
import { groups, load, pieces } from "../../static/js/markdown/highlight_worker.js"
import hljs from "../../static/vendor/highlight/highlight.mjs"

const languages = new URL("../../static/vendor/highlight/languages/", import.meta.url)
const isCommon = (name) => hljs.getLanguage(name) !== undefined
const hidden = ours.flatMap(([, names]) => names).filter(isCommon)

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

test("a grammar that cannot be fetched leaves the code plain, and may be asked for again", async () => {
  assert.equal(await load("ada", async () => { throw new TypeError("Failed to fetch") }), "")
  assert.equal(await load("ada"), "ada")
  for (const unknown of ["klingon", "constructor", "text", ""]) assert.equal(await load(grammarOf(unknown, isCommon)), unknown === "text" ? "text" : "")
})

test("every vendored grammar is in the table, by the names it was published with, and works", async () => {
  const names = published.map(([name]) => name)
  assert.deepEqual(readdirSync(languages).map((file) => file.replace(".mjs", "")).sort(), [...names].sort())
  for (const [name, aliases] of published) {
    const { default: define } = await import(new URL(`${name}.mjs`, languages))
    const known = define(hljs).aliases ?? []
    for (const alias of aliases) assert.ok(known.includes(alias), `${name}: ${alias}`)
    assert.equal(await load(name), name)
    hljs.highlight("a = 1 # text \"b\" {c}\n", { language: name, ignoreIllegals: true })
  }
})

test("names of ours mean grammars that there are, and hide none", async () => {
  assert.deepEqual(hidden, ["hcl"])
  const names = new Set(published.flatMap(([grammar, aliases]) => [grammar, ...aliases]))
  for (const [grammar, relatives] of ours) {
    assert.ok(await load(grammarOf(grammar, isCommon)), grammar)
    for (const name of relatives) assert.ok(!names.has(name), name)
  }
})

// highlightjs/highlight.js#1134
test("the languages that models name have colours", async () => {
  const samples = {
    scala: "val x = 1", haskell: "main = do print 1", hs: "import Data.List", elixir: "def f, do: nil", ex: "def f, do: nil", dart: "var x = 'a';",
    powershell: "$x = 'a'", ps1: "Get-Item 'a'", dockerfile: "FROM x\nRUN ls", docker: "FROM x", protobuf: "message A {}", proto: "message A {}",
    nginx: "listen 80;", latex: "\\textbf{a}", tex: "\\section{a}", vue: "<template><p>a</p></template>", svelte: "<p>a</p>", hcl: 'a = "b"',
    tf: 'resource "a" "b" {\n  c = true # d\n}', terraform: "x = 1", kt: "fun f() = 1", kotlin: "fun f() = 1", cmake: "set(A 1)", groovy: "def x = 1",
    ocaml: "let x = 1", fsharp: "let x = 1", "f#": "let x = 1", erlang: "f() -> 1.", clojure: "(def a 1)", julia: "x = 1", matlab: "x = 1;",
    fortran: "integer :: x", pascal: "begin end.", asm: "mov eax, 1", bat: "echo off", toml: "a = 1", jsonc: '{"a": 1}', jsonl: '{"a": 1}', tsx: "let a = 1",
    sh: "echo 'a'", zsh: "echo 'a'", fish: "echo 'a'", solidity: "let x = 1", zig: "const x = 1;", http: "GET / HTTP/1.1", graphql: "type A { b: C }",
    "c++": "int x = 1;", "c#": "int x = 1;", "objective-c": "int x = 1;", lisp: "(defun f () 1)", scheme: "(define a 1)", prolog: "a :- b(X, 'c').",
    verilog: "module a; endmodule", vhdl: "entity a is end;", r: "x <- 'a'", perl: "my $x = 1;", awk: "{ print $1 }", vim: "set nu", nix: "{ a = 1; }",
    elm: "import A", nim: "let x = 1", crystal: "def f; end", d: "int x = 1;", tcl: "set x 1", postgres: "SELECT 1", mysql: "SELECT 1", jinja2: "{% if a %}",
    handlebars: "{{#if a}}", erb: "<p><%= 1 %></p>", haml: "%p a", twig: "{% if a %}", coffeescript: "x = 1", stylus: "a\n  color red", apache: "Listen 80",
    properties: "a=b", env: "A=b", gherkin: "Feature: a", glsl: "void main() {}", llvm: "define i32 @f()", cuda: "int x = 1;", basic: "PRINT 1",
    json5: "{a: 1}", sass: "a { color: red; }", python3: "import a", vba: "Dim x", cypher: "SELECT 'a'", pug: "%p a", jsonnet: "local x = 'a'",
  }
  for (const [language, text] of Object.entries(samples)) {
    const grammar = await load(grammarOf(language, isCommon))
    assert.ok(grammar, language)
    assert.ok(pieces(hljs.highlight(text, { language: grammar, ignoreIllegals: true }).value).some(([colour]) => colour), language)
  }
})

test("the language of a fence is the first word of its info string", () => {
  const infos = {
    python: "python", "Python {1,3}": "python", "python:src/a.py": "python", "{.python .numberLines}": "python", "{python}": "python",
    "js, run": "js", "c++": "c++", "f#": "f#", "": "", "<b>": "", "a/b": "",
  }
  for (const [info, language] of Object.entries(infos)) assert.equal(languageOf(info), language, info)
})
