import { copyText } from "../helpers/dom.js"
import { rememberTimeZone } from "../helpers/preferences.js"
import { routesOf } from "../helpers/routes.js"
import { revealPasswords } from "../helpers/passwords.js"
import { ApiClient } from "../models/api_client.js"
import { KeyList } from "../models/key_list.js"
import { SettingsForm } from "../models/settings_form.js"
import { SignInAgain } from "../models/sign_in_again.js"
import { Theme } from "../models/theme.js"
import { Toasts } from "../models/toasts.js"
import { furnish } from "./frame.js"

const $ = id => document.getElementById(id)
const api = new ApiClient({ routes: routesOf(document) })
const toasts = new Toasts($("toasts"))
const keys = new KeyList({ element: $("keys"), fresh: $("new-key"), api, toasts })

const { signOut } = furnish({ api, toasts })
new SignInAgain({ dialog: $("sign-in-again"), api, user: $("app").dataset.user })
new Theme({ inputs: document.querySelectorAll("input[name=theme]") })
revealPasswords(document)
rememberTimeZone()

form("password", async values => {
  await api.changePassword(values)
  toasts.show("Password changed. Other browsers are signed out.", "success")
  for (const row of $("sessions").querySelectorAll(".key-row")) if (row.querySelector("button")) row.remove()
})
form("key", ({ name, expiresInDays, keyPassword: password }) =>
  keys.create({ name, password, ...(expiresInDays ? { expiresInDays: Number(expiresInDays) } : {}) }))
form("delete", async values => {
  await api.deleteAccount(values)
  signOut.done()
})

$("new-key").querySelector("[data-action=copy-key]").addEventListener("click", async () => {
  await copyText($("new-key").querySelector("code").textContent)
  toasts.show("Copied")
})
$("sessions").addEventListener("click", async event => {
  const row = event.target.closest("[data-action=end-session]")?.closest(".key-row")
  if (row) await attempt(() => api.endSession(row.dataset.id), () => row.remove())
})
document.querySelector("[data-action=sign-out-everywhere]").addEventListener("click", () =>
  attempt(() => api.signOutEverywhere(), () => signOut.done()))

function form(verb, submit) {
  new SettingsForm({ form: document.querySelector(`form[data-verb=${verb}]`), submit })
}

async function attempt(act, then) {
  try {
    await act()
    then()
  } catch (error) {
    toasts.show(error.message, "error")
  }
}
