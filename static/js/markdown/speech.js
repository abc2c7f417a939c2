import { parse } from "./parser.js"
import { normalizeNewlines, visibleControls } from "./text.js"

const ENDS_SENTENCE = /[\p{P}]$/u

/** Markdown as it is said aloud, without its marks: a sentence for each block, code and tables named by what they are. */
export function speakable(markdown) {
  const { tokens } = parse(normalizeNewlines(markdown), {}, { ended: true })
  const sentences = new Speaker().speak(tokens).map((sentence) => sentence.replace(/\s+/g, " ").trim()).filter(Boolean)
  return visibleControls(sentences.map((sentence, index) => (index < sentences.length - 1 ? ended(sentence) : sentence)).join(" "))
}

function ended(sentence) {
  return ENDS_SENTENCE.test(sentence) ? sentence : `${sentence}.`
}

class Speaker {
  #sentences = []
  #row = null
  #numbers = []
  #lead = ""

  speak(tokens) {
    for (const token of tokens) this.#token(token)
    return this.#sentences
  }

  #token(token) {
    switch (token.type) {
      case "inline": this.#say(inlineText(token.children)); break
      case "fence": this.#sentences.push(codeSentence(token)); break
      case "code_block": this.#sentences.push(codeSentence(token)); break
      case "math_block": case "plain_text": this.#say(token.content); break
      case "table_open": this.#sentences.push("Table:"); break
      case "tr_open": this.#row = []; break
      case "tr_close": this.#endRow(); break
      case "ordered_list_open": this.#numbers.push(Number(token.attrGet("start") ?? 1)); break
      case "bullet_list_open": this.#numbers.push(null); break
      case "ordered_list_close": case "bullet_list_close": this.#numbers.pop(); break
      case "list_item_open": this.#startItem(token); break
    }
  }

  #say(text) {
    if (this.#row) this.#row.push(text)
    else this.#sentences.push(this.#lead + text)
    this.#lead = ""
  }

  #startItem({ meta }) {
    const number = this.#numbers.at(-1)
    if (number !== null) this.#numbers[this.#numbers.length - 1] += 1
    this.#lead = (number === null ? "" : `${number}. `) + (meta ? (meta.checked ? "Done: " : "To do: ") : "")
  }

  #endRow() {
    const row = this.#row.join(", ")
    this.#row = null
    this.#sentences.push(row)
  }
}

function inlineText(tokens) {
  return tokens.map(({ type, content, children }) => {
    if (type === "image") return `Image: ${inlineText(children)}`
    return type === "softbreak" || type === "hardbreak" ? "\n" : content
  }).join("")
}

function codeSentence({ info, content }) {
  const lines = content.split("\n").length - (content.endsWith("\n") ? 1 : 0)
  const language = /^\s*([\w+#.-]+)/.exec(info)?.[1] ?? ""
  return `Code${language ? ` in ${language}` : ""}, ${lines} ${lines === 1 ? "line" : "lines"}.`
}
