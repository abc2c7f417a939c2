// A block of code is laid out in groups of lines, so that a line added to a long one moves only the last group.
export const LINES_PER_GROUP = 64

/** How many lines end in `text`. */
export function lineCount(text) {
  let count = 0
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) count += 1
  return count
}

/** The index after the `count`th line break of `text`, or its length. */
export function afterLines(text, count) {
  let index = 0
  for (let line = 0; line < count; line += 1) {
    index = text.indexOf("\n", index) + 1
    if (index === 0) return text.length
  }
  return index
}
