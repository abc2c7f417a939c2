// Puts the ▊ of a streaming reply behind its last character. It stands outside .message-body, so that the rendered text
// stays exactly what the renderer made; its place is measured after each drawing.
export class StreamingCursor {
  #view = null
  #body = null
  #drawn = new MutationObserver(() => this.#place())
  #resized = new ResizeObserver(() => this.#place())

  follow(view) {
    if (this.#view === view && this.#body.isConnected && !this.#body.nextElementSibling?.matches(".thought, .seam")) return
    this.leave()
    this.#view = view
    this.#body = view.body
    this.#drawn.observe(this.#body, { childList: true, characterData: true, subtree: true })
    this.#resized.observe(this.#body)
    this.#place()
  }

  leave() {
    this.#drawn.disconnect()
    this.#resized.disconnect()
    if (this.#view) delete this.#view.cursor.dataset.placed
    this.#view = null
  }

  #place() {
    const { cursor, element } = this.#view
    const end = endOf(this.#body)
    if (!end) return delete cursor.dataset.placed
    const home = element.getBoundingClientRect()
    cursor.dataset.placed = ""
    cursor.style.transform = `translate(${end.right - home.left + 2}px, ${end.top - home.top + (end.height - cursor.offsetHeight) / 2}px)`
  }
}

function endOf(body) {
  const text = lastText(body)
  if (!text) return null
  const range = document.createRange()
  range.setStart(text, text.data.trimEnd().length - 1)
  range.setEnd(text, text.data.trimEnd().length)
  return [...range.getClientRects()].at(-1) ?? null
}

function lastText(node) {
  for (let child = node.lastChild; child; child = child.previousSibling) {
    if (child.nodeType === Node.TEXT_NODE) {
      if (child.data.trim()) return child
    } else if (child.localName !== "button" && !child.hidden) {
      const found = lastText(child)
      if (found) return found
    }
  }
  return null
}
