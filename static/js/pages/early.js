// Runs before the page's modules have come, and before anything else hears a key.

// Keys that an input method takes (choosing a word, leaving its list) are no keys of the page. Safari ends the composition
// before the Enter that ended it, and then only the key code of "being processed" tells.
const PROCESSED_BY_INPUT_METHOD = 229

document.addEventListener("keydown", event => {
  if (!event.isComposing && event.keyCode !== PROCESSED_BY_INPUT_METHOD) return
  event.stopImmediatePropagation()
  // What an open dialog or drawer would do by itself.
  if (event.key === "Escape") event.preventDefault()
}, true)

// Enter pressed that early is remembered; the composer obeys it when it opens.
document.addEventListener("keydown", event => {
  const { form, id } = event.target
  if (id !== "message" || event.key !== "Enter" || event.shiftKey || form.dataset.open) return
  if (matchMedia("(pointer: coarse)").matches) return
  event.preventDefault()
  form.dataset.sendWhenOpen = "yes"
})
