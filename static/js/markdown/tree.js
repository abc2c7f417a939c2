/**
 * markdown-it's flat list of tokens as a tree of blocks: [{type, token, first, last, start, end, children}]. `first` and
 * `last` are indices into `tokens`, `start` and `end` line numbers, the end excluded.
 */
export function blockTree(tokens) {
  const root = { children: [] }
  const open = [root]
  tokens.forEach((token, index) => {
    if (token.nesting === -1) {
      open.pop().last = index
    } else if (token.nesting === 1 || (token.map && token.type !== "inline")) {
      const node = { type: token.type, token, first: index, last: index, start: token.map?.[0], end: token.map?.[1], children: [] }
      open.at(-1).children.push(node)
      if (token.nesting === 1) open.push(node)
    }
  })
  return root.children
}

export function isList(node) {
  return node.type === "bullet_list_open" || node.type === "ordered_list_open"
}

export function isLoose(list) {
  return list.children.some((item) => item.children.some((child) => child.type === "paragraph_open" && !child.token.hidden))
}

/** Shows the paragraphs of a list's items as paragraphs, as if blank lines stood between them. */
export function loosen(list, tokens) {
  for (const child of list.children.flatMap((item) => item.children)) {
    if (child.type !== "paragraph_open") continue
    tokens[child.first].hidden = false
    tokens[child.last].hidden = false
  }
}

/** The index of each line's first character; `starts.length - 1` lines are whole. */
export function lineStarts(text) {
  const starts = [0]
  for (let index = text.indexOf("\n"); index !== -1; index = text.indexOf("\n", index + 1)) starts.push(index + 1)
  return starts
}
