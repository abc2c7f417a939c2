import { remember } from "../helpers/preferences.js"

const NARROW = "(width < 48rem)"

// A column on a desk, a drawer on a phone.
export class Sidebar {
  #frame
  #element
  #narrow = matchMedia(NARROW)

  constructor(frame) {
    this.#frame = frame
    this.#element = frame.querySelector("#sidebar")
    for (const button of frame.querySelectorAll("[data-action=toggle-sidebar]")) button.addEventListener("click", () => this.toggle())
    this.#narrow.addEventListener("change", () => this.#hideDrawer())
    this.#element.addEventListener("click", event => { if (event.target.closest(".chat-link")) this.#hideDrawer() })
  }

  toggle() {
    this.#become(this.#frame.dataset.sidebar === "collapsed" ? "open" : "collapsed")
    this.#frame.querySelector(this.#frame.dataset.sidebar === "collapsed" ? ".topbar-expand" : ".sidebar-collapse")?.focus()
  }

  show() {
    if (this.#narrow.matches) return this.#element.matches(":popover-open") || this.#element.showPopover()
    this.#become("open")
  }

  #become(state) {
    this.#frame.dataset.sidebar = state
    remember("sidebar", state)
  }

  #hideDrawer() {
    if (this.#element.matches(":popover-open")) this.#element.hidePopover()
  }
}
