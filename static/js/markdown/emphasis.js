import MarkdownIt from "../../vendor/markdown-it/markdown-it.mjs"

const { isMdAsciiPunct, isPunctChar, isWhiteSpace } = new MarkdownIt().utils
// Scripts that set no spaces between words, or write particles onto them, and the punctuation made for them.
const UNSPACED =
  /^[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{scx=Hang}\p{scx=Yiii}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Tibt}\uff01-\uff60\uffe0-\uffee]/u
const VARIATION_SELECTOR = /^[\ufe00-\ufe0e\u{e0100}-\u{e01ef}]/u

/**
 * Lets `*` and `~~` work next to Chinese, Japanese and Korean, where CommonMark's flanking rules wait for a space that
 * never comes: `**重要。**次`. After the amendment at github.com/tats-u/markdown-cjk-friendly, with two additions: other
 * scripts without spaces, and punctuation that touches such a letter on its other side (`**复现:**10`). Text without
 * such letters, and `_` everywhere, are as in CommonMark.
 */
export function emphasizeUnspacedScripts(parser) {
  parser.inline.State = class extends parser.inline.State {
    scanDelims(start, canSplitWord) {
      const run = super.scanDelims(start, canSplitWord)
      const end = start + run.length
      if (!canSplitWord || start === 0 || end >= this.posMax) return run
      const [before, beforeThat] = lettersBefore(this.src, start)
      const [after, afterThat] = lettersAfter(this.src, end)
      if (isSpace(before) || isSpace(after)) return run
      if (!isUnspaced(before, beforeThat) && !isUnspaced(after, afterThat)) return run
      return { can_open: true, can_close: true, length: run.length }
    }
  }
}

function isUnspaced(letter, next) {
  return UNSPACED.test(letter) || (isPunctuation(letter) && UNSPACED.test(next))
}

function isPunctuation(letter) {
  return isMdAsciiPunct(letter.charCodeAt(0)) || isPunctChar(letter)
}

function isSpace(letter) {
  return isWhiteSpace(letter.codePointAt(0))
}

/** The two characters before an index, nearest first, without variation selectors; "" where there is none. */
function lettersBefore(text, index) {
  const letters = [...text.slice(Math.max(0, index - 6), index)].filter((letter) => !VARIATION_SELECTOR.test(letter))
  return [letters.at(-1) ?? text[index - 1], letters.at(-2) ?? ""]
}

function lettersAfter(text, index) {
  const [first, second = ""] = text.slice(index, index + 4)
  return [first, second]
}
