export function cloneTemplate(id, document = globalThis.document) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true)
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text
}

const IDLE_SLICE_MS = 6

// Resolves to something with timeRemaining() when nothing else waits for the main thread, or after half a second.
export function idle() {
  return new Promise(resolve => {
    if (globalThis.requestIdleCallback) return requestIdleCallback(resolve, { timeout: 500 })
    setTimeout(() => {
      const end = performance.now() + IDLE_SLICE_MS
      resolve({ timeRemaining: () => end - performance.now() })
    })
  })
}

export async function copyText(text) {
  if (navigator.clipboard?.writeText) return navigator.clipboard.writeText(text)
  copyWithSelection(text)
}

// navigator.clipboard is missing on plain http:// pages.
function copyWithSelection(text) {
  const area = document.createElement("textarea")
  area.value = text
  area.className = "visually-hidden"
  document.body.append(area)
  area.select()
  const copied = document.execCommand("copy")
  area.remove()
  if (!copied) throw new Error("The browser did not allow copying")
}
