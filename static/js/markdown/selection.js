/** Makes a change that leaves the text of `element` as it is; what the reader has selected in it stays selected. */
export function keepSelection(element, change) {
  const selection = getSelection()
  const ends = selection?.rangeCount ? [[selection.anchorNode, selection.anchorOffset], [selection.focusNode, selection.focusOffset]] : []
  const offsets = ends.map(([node, offset]) => (element.contains(node) ? offsetOf(element, node, offset) : null))
  change()
  if (offsets.every((offset) => offset === null)) return
  const [anchor, focus] = ends.map((end, index) => (offsets[index] === null ? end : pointAt(element, offsets[index])))
  selection.setBaseAndExtent(...anchor, ...focus)
}

function offsetOf(element, node, offset) {
  const range = document.createRange()
  range.setStart(element, 0)
  range.setEnd(node, offset)
  return range.toString().length
}

function pointAt(element, offset) {
  const texts = document.createTreeWalker(element, NodeFilter.SHOW_TEXT)
  let rest = offset
  while (texts.nextNode()) {
    if (rest <= texts.currentNode.length) return [texts.currentNode, rest]
    rest -= texts.currentNode.length
  }
  return [element, element.childNodes.length]
}
