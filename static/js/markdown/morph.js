/**
 * Makes the children of `parent` from index `from` on equal to those of `fragment`, keeping every node that is already
 * right: a selection, a scrolled table and a coloured block of code survive that the reply goes on below them.
 */
export function morph(parent, from, fragment) {
  let current = parent.childNodes[from] ?? null
  for (const wanted of [...fragment.childNodes]) {
    if (!current) {
      parent.append(wanted)
      continue
    }
    const next = current.nextSibling
    become(current, wanted)
    current = next
  }
  while (current) {
    const next = current.nextSibling
    current.remove()
    current = next
  }
}

/** Makes `node` equal to the only node of `fragment`. */
export function morphNode(node, fragment) {
  become(node, fragment.firstChild)
}

function become(node, wanted) {
  if (node.nodeType === Node.TEXT_NODE && wanted.nodeType === Node.TEXT_NODE) setText(node, wanted.data)
  else if (node.isEqualNode(wanted) || sameCode(node, wanted)) return
  else if (sameShell(node, wanted)) morph(node, 0, wanted)
  else node.replaceWith(wanted)
}

function setText(node, text) {
  let same = 0
  while (same < text.length && text[same] === node.data[same]) same += 1
  if (same < text.length || same < node.length) node.replaceData(same, node.length - same, text.slice(same))
}

/** Colours are added to a block of code later; they are no difference. */
function sameCode(node, wanted) {
  if (node.className !== "code-block" || wanted.className !== "code-block") return false
  if (node.dataset.language !== wanted.dataset.language) return false
  return node.querySelector("code").textContent === wanted.querySelector("code").textContent
}

function sameShell(node, wanted) {
  return node.nodeType === Node.ELEMENT_NODE && node.cloneNode(false).isEqualNode(wanted.cloneNode(false))
}
