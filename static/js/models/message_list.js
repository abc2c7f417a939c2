import { copyText, idle } from "../helpers/dom.js"
import { MessageView } from "./message_view.js"

const NEAR_THE_SCREEN = "1200px"
const ENOUGH_MS = 3

// The conversation's messages: keeps the page in step with a ChatSession and turns button presses into its verbs.
export class MessageList {
  #element
  #session
  #views = new Map()
  #toasts
  #preference
  #nearby
  #undrawn = []

  constructor({ element, scroller, session, toasts, preference }) {
    this.#element = element
    this.#session = session
    this.#toasts = toasts
    this.#preference = preference
    this.#nearby = new IntersectionObserver(entries => this.#drawVisible(entries), { root: scroller, rootMargin: NEAR_THE_SCREEN })
    this.#adopt()
    this.#listen()
  }

  viewOf(message) {
    return this.#views.get(message.key)
  }

  // Server-rendered articles become views of the session's messages, in the same order.
  #adopt() {
    const articles = [...this.#element.children]
    this.#session.messages.forEach((message, index) => this.#keep(this.#viewFor(message, articles[index])))
  }

  #listen() {
    const on = (type, act) => this.#session.addEventListener(type, ({ detail }) => act(detail))
    on("messages", () => this.#arrange())
    on("message", ({ message }) => this.viewOf(message)?.update())
    on("text", ({ message, text }) => this.viewOf(message)?.append(text))
    on("thought", ({ message, text }) => this.viewOf(message)?.think(text))
    on("restart", ({ message }) => this.viewOf(message)?.restart())
    on("reset", ({ message }) => this.viewOf(message)?.reset())
    this.#element.addEventListener("click", event => this.#press(event.target.closest("[data-action]")))
    addEventListener("keydown", event => { if (isFind(event)) this.#drawAll() })
  }

  #arrange() {
    const keys = new Set(this.#session.messages.map(message => message.key))
    for (const [key, view] of this.#views) if (!keys.has(key)) this.#drop(key, view)
    this.#session.messages.forEach((message, index) => {
      const view = this.viewOf(message) ?? this.#keep(this.#viewFor(message))
      view.update()
      view.redraw()
      if (this.#element.children[index] !== view.element) this.#element.insertBefore(view.element, this.#element.children[index] ?? null)
    })
  }

  #viewFor(message, element) {
    return new MessageView(message, { preference: this.#preference, ...(element ? { element } : {}) })
  }

  #keep(view) {
    this.#views.set(view.message.key, view)
    this.#nearby.observe(view.element)
    this.#undrawn.push(view)
    if (this.#undrawn.length === 1) this.#drawWhenIdle()
    return view
  }

  #drop(key, view) {
    this.#nearby.unobserve(view.element)
    view.element.remove()
    this.#views.delete(key)
  }

  #drawVisible(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue
      this.#nearby.unobserve(target)
      this.#viewAt(target)?.draw()
    }
  }

  // The browser's search finds what is in the page: words as they are read, not with the marks of Markdown in them.
  #drawAll() {
    for (const view of this.#views.values()) view.draw()
  }

  async #drawWhenIdle() {
    let deadline = await idle()
    while (this.#undrawn.length) {
      if (deadline.timeRemaining() < ENOUGH_MS) deadline = await idle()
      const view = this.#undrawn.pop()
      if (view && this.viewOf(view.message) === view) view.draw()
    }
  }

  #viewAt(element) {
    for (const view of this.#views.values()) if (view.element === element) return view
  }

  #press(button) {
    if (!button) return
    const view = this.#viewAt(button.closest("article"))
    const verbs = {
      "copy": () => this.#copy(view.message.content, button),
      "copy-thought": () => this.#copy(view.thoughtAround(button), button),
      "answer-now": () => this.#session.answerNow(),
      retry: () => this.#session.reload(),
      regenerate: () => this.#session.reload(),
      continue: () => this.#session.continueReply(),
      resend: () => this.#session.resend(view.message),
      discard: () => this.#session.discard(view.message),
    }
    verbs[button.dataset.action]?.()
  }

  async #copy(text, button) {
    try {
      await copyText(text)
      button.dataset.done = ""
      setTimeout(() => delete button.dataset.done, 1500)
      this.#toasts.show("Copied")
    } catch {
      this.#toasts.show("The browser did not allow copying", "error")
    }
  }
}

function isFind({ key, ctrlKey, metaKey }) {
  return key === "F3" || ((ctrlKey || metaKey) && key.toLowerCase() === "f")
}
