import { cloneTemplate } from "../helpers/dom.js"

const SHOWN_FOR_MS = 8_000
const LEAVES_IN_MS = 260
const MOST_AT_ONCE = 3

// Short notes in a corner. They stay eight seconds, longer while somebody points at them.
export class Toasts {
  #region

  constructor(region) {
    this.#region = region
    for (const toast of region.children) this.#wait(toast)
  }

  show(text, kind = "info") {
    const toast = cloneTemplate("toast-template")
    toast.dataset.kind = kind
    toast.querySelector(".toast-text").textContent = text
    toast.querySelector(".toast-close").addEventListener("click", () => this.#dismiss(toast))
    this.#region.append(toast)
    while (this.#region.children.length > MOST_AT_ONCE) this.#region.firstElementChild.remove()
    this.#wait(toast)
  }

  #wait(toast) {
    let timer = setTimeout(() => this.#dismiss(toast), SHOWN_FOR_MS)
    toast.addEventListener("pointerenter", () => clearTimeout(timer))
    toast.addEventListener("pointerleave", () => { timer = setTimeout(() => this.#dismiss(toast), SHOWN_FOR_MS / 2) })
  }

  #dismiss(toast) {
    toast.dataset.leaving = ""
    setTimeout(() => toast.remove(), LEAVES_IN_MS)
  }
}
