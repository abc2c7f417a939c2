import hljs from "../../vendor/highlight/highlight.mjs"
import hcl from "./highlight_worker_hcl.js"
import { INNER, grammarOf, hasFile } from "./highlight_worker_languages.js"
import { LINES_PER_GROUP } from "./lines.js"

// highlight.js knows some fifty kinds of things, we have nine colours. What is not named here keeps the colour around it.
const COLOURS = {
  comment: "comment", quote: "comment", doctag: "comment",
  keyword: "keyword", "selector-tag": "keyword", "template-tag": "keyword", literal: "keyword",
  string: "string", regexp: "string", symbol: "string", link: "string", code: "string",
  number: "number", bullet: "number",
  title: "title", section: "title", "selector-id": "title", "selector-class": "title",
  type: "type", built_in: "type", class: "type", "selector-pseudo": "type",
  attr: "name", attribute: "name", name: "name", variable: "name", "template-variable": "name", property: "name", meta: "name",
  addition: "added", deletion: "removed",
  subst: "",
}
const PIECE = /<span class="([^"]*)">|<\/span>|([^<]+)/g
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&#x27;": "'" }

hljs.registerLanguage("hcl", hcl)

// The answer comes after `isStarted`: the page's time limit is for the work, not for what had to be fetched first.
globalThis.onmessage = async ({ data: { language, text } }) => {
  const grammar = await load(grammarOf(language, isLoaded))
  postMessage({ isStarted: true })
  postMessage({ groups: grammar ? groups(pieces(hljs.highlight(text, { language: grammar, ignoreIllegals: true }).value)) : null })
}

/** Fetches a grammar's file, once; gives its name, or "" where it can't be had. */
export async function load(grammar, fetchGrammar = (name) => import(`../../vendor/highlight/languages/${name}.mjs`)) {
  if (!grammar || isLoaded(grammar) || !hasFile(grammar)) return grammar
  try {
    for (const inner of INNER[grammar] ?? []) await load(inner, fetchGrammar)
    const { default: define } = await fetchGrammar(grammar)
    hljs.registerLanguage(grammar, define)
    return grammar
  } catch {
    return ""
  }
}

function isLoaded(language) {
  return hljs.getLanguage(language) !== undefined
}

/** highlight.js's markup, which is only spans and escaped text, as [[colour, text], …]. */
export function pieces(markup) {
  const colours = [""]
  const found = []
  for (const [piece, scopes, text] of markup.matchAll(PIECE)) {
    if (text !== undefined) found.push([colours.at(-1), text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => ENTITIES[entity])])
    else if (piece === "</span>") colours.pop()
    else colours.push(colourOf(scopes) ?? colours.at(-1))
  }
  return found
}

function colourOf(scopes) {
  const scope = scopes.split(" ").find((name) => name.startsWith("hljs-"))
  return COLOURS[scope?.slice("hljs-".length)]
}

/** The pieces cut where the lines of a block of code are grouped. */
export function groups(all) {
  const found = [[]]
  let lines = 0
  for (const [colour, text] of all) {
    for (const line of text.split(/(?<=\n)/)) {
      add(found.at(-1), colour, line)
      if (!line.endsWith("\n")) continue
      lines += 1
      if (lines % LINES_PER_GROUP === 0) found.push([])
    }
  }
  return found
}

function add(group, colour, text) {
  const last = group.at(-1)
  if (last?.[0] === colour) last[1] += text
  else if (text) group.push([colour, text])
}
