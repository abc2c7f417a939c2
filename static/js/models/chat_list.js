import { cloneTemplate, setText } from "../helpers/dom.js"
import { groupByDay } from "../helpers/dates.js"
import { RowEditor } from "./row_editor.js"

const MOST_ROWS = 100

// The sidebar's chats: newest first, in groups of a day, the current one among them and in sight. Tells by events:
// renamed {id, title}, deleted {id}.
export class ChatList extends EventTarget {
  #element
  #api
  #rows
  #items = new Map()
  #cursor
  #limit
  #query
  #current
  #whole = null
  #seen = {}
  #place

  constructor({ element, api, toasts, place }) {
    super()
    this.#element = element
    this.#api = api
    this.#place = place
    this.#query = element.dataset.query
    this.#cursor = element.dataset.cursor
    this.#limit = Number(element.dataset.limit)
    this.#current = element.dataset.current
    this.#rows = [...element.querySelectorAll(".chat-row")].map(item => this.#adopt(item))
    this.editor = new RowEditor({ list: this, api, toasts })
    element.addEventListener("click", event => this.#press(event))
    this.#draw()
    this.#place.restore(this.#current, this.#items)
  }

  get rows() {
    return this.#rows
  }

  set current(id) {
    this.#current = id
    this.#draw()
    this.#place.restore(id, this.#items)
  }

  row(id) {
    return this.#rows.find(row => row.id === id)
  }

  item(id) {
    return this.#items.get(id)
  }

  // Asks the server for as many rows as are shown. Resolves to whether anything is new.
  async refresh() {
    const limit = Math.min(Math.max(this.#rows.length, this.#limit), MOST_ROWS)
    const question = `${limit} ${this.#query}`
    const answer = await this.#ask({ limit }, { asks: false, unless: this.#seen.question === question ? this.#seen.etag : undefined })
    if (!answer) return false
    this.#seen = { question, etag: answer.etag }
    const isFurther = this.#rows.length > limit && Boolean(answer.next)
    this.#show([...answer.rows, ...this.#beyond(isFurther, answer)], isFurther ? this.#cursor : answer.next)
    return true
  }

  // Without words the list is as it was before the search.
  async search(query) {
    const words = query.trim()
    if (words && !this.#query) this.#whole = { rows: this.#rows, cursor: this.#cursor }
    this.#query = words
    if (!words && this.#whole) return this.#widen()
    const answer = await this.#ask({ limit: this.#limit })
    return answer ? this.#show(answer.rows, answer.next) : this.#rows
  }

  // Goes on behind the last row, wherever the list ends by the time of the answer. Resolves to the rows.
  async more() {
    const cursor = this.#cursor
    if (!cursor) return this.#rows
    const answer = await this.#ask({ cursor, limit: this.#limit })
    if (!answer) return this.#rows
    if (cursor !== this.#cursor) return this.more()
    const known = new Set(this.#rows.map(row => row.id))
    const rows = [...this.#rows, ...answer.rows.filter(row => !known.has(row.id))]
    return this.#show(rows.sort(byNewest), answer.next)
  }

  put(chat) {
    this.#rows = [chat, ...this.#rows.filter(row => row.id !== chat.id)]
    this.#draw()
  }

  // Returns what undoes it.
  rename(id, title) {
    const before = this.row(id).title
    this.#rows = this.#rows.map(row => row.id === id ? { ...row, title } : row)
    this.#tell("renamed", { id, title })
    return () => this.rename(id, before)
  }

  remove(id) {
    const before = this.#rows
    this.#rows = this.#rows.filter(row => row.id !== id)
    if (this.#whole) this.#whole.rows = this.#whole.rows.filter(row => row.id !== id)
    this.#draw()
    return () => { this.#rows = before; this.#draw() }
  }

  deleted(id) {
    this.#tell("deleted", { id })
  }

  async #widen() {
    const { rows, cursor } = this.#whole
    this.#whole = null
    this.#show(rows, cursor)
    this.#place.restore(this.#current, this.#items)
    await this.refresh()
    return this.#rows
  }

  // Rows further down than one answer reaches stay as they are, those that it pushed down there too; the current chat's
  // always.
  #beyond(isFurther, { rows, next }) {
    if (!next) return []
    const fresh = new Set(rows.map(({ id }) => id))
    const end = rows.at(-1).updatedAt
    return this.#rows.filter(({ id, updatedAt }) => !fresh.has(id) && updatedAt <= end && (isFurther || id === this.#current))
  }

  // Resolves to rows and the cursor behind them; to null if nothing is new or another search has begun meanwhile.
  async #ask(place, options) {
    const query = this.#query
    try {
      const answer = await this.#api.listChats({ ...place, q: query }, options)
      if (!answer || query !== this.#query) return null
      return { rows: answer.data, next: answer.meta.nextCursor, etag: answer.etag }
    } catch (error) {
      this.#fail(this.#rows.length === 0)
      throw error
    }
  }

  #show(rows, cursor) {
    this.#rows = rows
    this.#cursor = cursor
    this.#fail(false)
    this.#draw()
    return this.#rows
  }

  #adopt(item) {
    const id = item.dataset.chatId
    this.#items.set(id, item)
    return { id, title: item.querySelector(".chat-title").textContent, updatedAt: item.dataset.updated }
  }

  #draw() {
    const groups = groupByDay(this.#rows)
    const sections = groups.map(({ title, rows }) => this.#section(title, rows))
    const focused = document.activeElement
    for (const old of this.#element.querySelectorAll(".chat-group")) if (!sections.includes(old)) old.remove()
    sections.forEach((section, index) => {
      if (this.#element.children[index] !== section) this.#element.insertBefore(section, this.#element.children[index])
    })
    if (focused !== document.activeElement && focused.isConnected) focused.focus()
    this.#note()
  }

  #section(title, rows) {
    const titleOf = section => section.querySelector(".chat-group-title").textContent
    const named = [...this.#element.querySelectorAll(".chat-group")].find(section => titleOf(section) === title)
    const section = named ?? cloneTemplate("chat-group-template")
    setText(section.querySelector(".chat-group-title"), title)
    const list = section.querySelector(".chat-rows")
    const items = rows.map(row => this.#fill(row))
    for (const old of [...list.children]) if (!items.includes(old)) old.remove()
    items.forEach((item, index) => { if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null) })
    return section
  }

  #fill({ id, title, updatedAt }) {
    const item = this.#items.get(id) ?? cloneTemplate("chat-row-template")
    this.#items.set(id, item)
    Object.assign(item.dataset, { chatId: id, updated: updatedAt })
    const link = item.querySelector(".chat-link")
    link.href = this.#api.pageOfChat(id)
    if (id === this.#current) link.setAttribute("aria-current", "page")
    else link.removeAttribute("aria-current")
    setText(item.querySelector(".chat-title"), title)
    if (!item.querySelector(".row-actions")) item.append(cloneTemplate("chat-row-template").querySelector(".row-actions"))
    item.querySelector("[data-action=rename]").setAttribute("aria-label", `Rename ${title}`)
    item.querySelector("[data-action=delete]").setAttribute("aria-label", `Delete ${title}`)
    return item
  }

  #note() {
    const empty = this.#element.querySelector(".chat-list-empty")
    empty.hidden = this.#rows.length > 0 || !this.#element.querySelector(".chat-list-failed").hidden
    setText(empty.querySelector("strong"), this.#query ? "No chats found" : "No chats yet")
    setText(empty.querySelector("span"), this.#query ? "Try other words" : "Create your first chat to get started")
    this.#element.querySelector(".chat-list-more").hidden = !this.#cursor
  }

  #fail(failed) {
    this.#element.querySelector(".chat-list-failed").hidden = !failed
    if (failed) this.#note()
  }

  #press(event) {
    const button = event.target.closest("[data-action]")
    const id = button?.closest(".chat-row")?.dataset.chatId
    const verbs = {
      "rename": () => this.editor.rename(id),
      "delete": () => this.editor.delete(id),
      "reload-chats": () => this.refresh().catch(() => {}),
      "more-chats": () => { event.preventDefault(); this.more().catch(() => {}) },
    }
    verbs[button?.dataset.action]?.()
  }

  #tell(type, detail) {
    if (type === "renamed") this.#draw()
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

// ISO 8601 in UTC sorts as text does.
function byNewest(a, b) {
  return a.updatedAt < b.updatedAt ? 1 : a.updatedAt > b.updatedAt ? -1 : 0
}
