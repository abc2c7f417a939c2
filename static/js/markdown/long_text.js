// A paragraph longer than this is laid out in groups, each a block of its own: Chromium lays out the whole of a
// paragraph again when a word is added, which takes 130 ms at 200 KB.
const LONG = 8192
const GROUP = 4096

/** Divides the content of a very long paragraph into groups, always at the same places. */
export function groupLongText(paragraph) {
  if (paragraph.textContent.length <= LONG) return
  const nodes = [...paragraph.childNodes]
  let room = 0
  for (let node = nodes.shift(); node; node = nodes.shift()) {
    if (room <= 0) {
      startGroup(paragraph)
      room = GROUP
    }
    if (node.nodeType === Node.TEXT_NODE && node.length > room) nodes.unshift(splitAtSpace(node, room))
    room -= node.textContent.length
    paragraph.lastChild.append(node)
  }
}

/** Makes one group of everything at the end of a paragraph that is in none. */
export function groupRest(paragraph) {
  const rest = [...paragraph.childNodes].filter((node) => node.className !== "text-lines")
  if (rest.length) startGroup(paragraph).append(...rest)
}

function startGroup(paragraph) {
  const group = document.createElement("span")
  group.className = "text-lines"
  return paragraph.appendChild(group)
}

/** Cuts a text node at the last blank within `room`; where there is none, at a whole character. Returns the second half. */
function splitAtSpace(node, room) {
  const space = Math.max(node.data.lastIndexOf(" ", room), node.data.lastIndexOf("\n", room)) + 1
  const border = /[\udc00-\udfff]/.test(node.data[room]) ? room + 1 : room
  return node.splitText(space || border)
}
