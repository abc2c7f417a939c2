import { revealPasswords } from "../helpers/passwords.js"
import { rememberTimeZone } from "../helpers/preferences.js"

rememberTimeZone()
revealPasswords(document)

// A second press while the first is on its way would only count as another attempt.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", event => {
    if (form.dataset.sent !== undefined) event.preventDefault()
    form.dataset.sent = ""
  })
  addEventListener("pageshow", () => delete form.dataset.sent)
}
