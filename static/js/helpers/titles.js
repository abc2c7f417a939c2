const LONGEST_TITLE = 60

// A chat's title is the first line of its first message, cut between words.
export function titleFrom(text) {
  const line = text.trim().split(/\r?\n/, 1)[0].replace(/\s+/g, " ").trim()
  const characters = Array.from(line)
  if (characters.length <= LONGEST_TITLE) return line || "New chat"
  const cut = characters.slice(0, LONGEST_TITLE).join("")
  const space = cut.lastIndexOf(" ")
  return `${(space > LONGEST_TITLE / 2 ? cut.slice(0, space) : cut).trimEnd()}…`
}
