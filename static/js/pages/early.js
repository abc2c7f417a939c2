// Runs before the page's modules have come. Enter pressed that early is remembered; the composer obeys it when it opens.
document.addEventListener("keydown", event => {
  const { form, id } = event.target
  if (id !== "message" || event.key !== "Enter" || event.shiftKey || event.isComposing || form.dataset.open) return
  event.preventDefault()
  form.dataset.sendWhenOpen = "yes"
})
