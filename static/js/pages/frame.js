import { ChatList } from "../models/chat_list.js"
import { ListPlace } from "../models/list_place.js"
import { Outbox } from "../models/outbox.js"
import { privateName, safeStorage } from "../helpers/storage.js"
import { Search } from "../models/search.js"
import { Shortcuts } from "../models/shortcuts.js"
import { Sidebar } from "../models/sidebar.js"
import { SignOut } from "../models/sign_out.js"

// What every signed-in page has: the sidebar with its chats, the search box, the shortcuts and the way out. `verbs` adds
// the page's own.
export function furnish({ api, toasts, verbs = {} }) {
  const frame = document.getElementById("app")
  const sidebar = new Sidebar(frame)
  const { user } = frame.dataset
  const storage = safeStorage()
  const forTab = safeStorage(globalThis, "sessionStorage")
  const list = document.getElementById("chat-list")
  const place = new ListPlace({ list, storage: forTab, name: privateName("place", user, "list") })
  const chats = new ChatList({ element: list, api, toasts, place })
  const search = new Search({ input: document.getElementById("search"), chats, sidebar })
  const signOut = new SignOut({ form: frame.querySelector("[data-role=logout]"), user, api, storages: [storage, forTab], toasts })
  const outbox = new Outbox({ storage, user })
  chats.addEventListener("deleted", ({ detail }) => outbox.forgetChat(detail.id))
  const dialog = document.getElementById("shortcuts")
  new Shortcuts({ dialog, verbs: { search: () => search.focus(), newChat: () => location.assign(api.homePage), ...verbs } })
  document.querySelector("[data-action=show-shortcuts]").addEventListener("click", () => {
    document.getElementById("account-menu").hidePopover()
    dialog.showModal()
  })
  document.querySelector("[data-action=new-chat]").addEventListener("keydown", event => {
    if (event.key !== " ") return
    event.preventDefault()
    event.target.click()
  })
  addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload() })
  return { chats, sidebar, search, signOut }
}
