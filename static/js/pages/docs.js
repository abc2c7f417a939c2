import { copyText } from "../helpers/dom.js"
import { Toasts } from "../models/toasts.js"

const toasts = new Toasts(document.getElementById("toasts"))

document.addEventListener("click", async event => {
  const button = event.target.closest("[data-action=copy]")
  if (!button) return
  await copyText(button.closest(".code-block").querySelector("code").textContent)
  toasts.show("Copied")
})
