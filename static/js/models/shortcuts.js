const IS_MAC = /Mac|iPhone|iPad/.test(navigator.platform)

// Keys for the whole page. A key that stands for a letter works only while nobody is writing.
export class Shortcuts {
  #verbs

  constructor({ verbs, dialog }) {
    this.#verbs = { ...verbs, help: () => dialog?.showModal() }
    document.addEventListener("keydown", event => this.#press(event))
    if (IS_MAC) for (const key of document.querySelectorAll("kbd[data-mod]")) key.textContent = "⌘"
  }

  #press(event) {
    const verb = this.#verbs[verbFor(event)]
    if (!verb || event.defaultPrevented) return
    if (verb(event) !== false) event.preventDefault()
  }
}

function verbFor(event) {
  const { key, shiftKey, altKey, target } = event
  const command = IS_MAC ? event.metaKey : event.ctrlKey
  if (command && !altKey) {
    if (key.toLowerCase() === "k" && !shiftKey) return "search"
    return key.toLowerCase() === "o" && shiftKey ? "newChat" : null
  }
  if (document.querySelector("dialog[open]")) return null
  if (key === "Escape") return document.querySelector(":popover-open") || target.closest("[data-editing]") ? null : "stop"
  if (event.ctrlKey || event.metaKey || altKey || target.closest("input, textarea, select")) return null
  return { "?": "help", "/": "write" }[key] ?? null
}
