import { remember } from "../helpers/preferences.js"

// Light, dark or as the system has it. The choice is an attribute of <html>; the palette does the rest.
export class Theme {
  #root
  #channel

  constructor({ root = document.documentElement, inputs }) {
    this.#root = root
    this.#channel = new BroadcastChannel("macrochat-theme")
    this.#channel.onmessage = ({ data }) => this.#wear(data)
    for (const input of inputs) input.addEventListener("change", () => this.choose(input.value))
    this.inputs = [...inputs]
  }

  choose(theme) {
    remember("theme", theme)
    this.#wear(theme)
    this.#channel.postMessage(theme)
  }

  #wear(theme) {
    this.#root.dataset.theme = theme
    for (const input of this.inputs) input.checked = input.value === theme
  }
}
