import { cloneTemplate } from "../helpers/dom.js"

// Renaming and deleting a chat where it stands. The list shows the result at once and takes it back if the server refuses.
export class RowEditor {
  #list
  #api
  #toasts

  constructor({ list, api, toasts }) {
    this.#list = list
    this.#api = api
    this.#toasts = toasts
  }

  rename(id) {
    const { title } = this.#list.row(id)
    const form = this.#open(id, "rename-template", "rename")
    form.elements.title.value = title
    form.elements.title.select()
    form.addEventListener("submit", event => {
      event.preventDefault()
      const wanted = form.elements.title.value.trim()
      this.#close(id, "rename")
      if (wanted && wanted !== title) this.#saveTitle(id, wanted)
    })
  }

  delete(id) {
    const form = this.#open(id, "delete-template", "delete")
    form.querySelector("strong").textContent = `Delete "${this.#list.row(id).title}"?`
    form.setAttribute("aria-label", form.querySelector("strong").textContent)
    form.querySelector("[data-action=cancel]").focus()
    form.addEventListener("submit", event => {
      event.preventDefault()
      this.#close(id, "delete")
      this.#remove(id)
    })
  }

  #open(id, template, action) {
    const item = this.#list.item(id)
    const form = cloneTemplate(template)
    item.dataset.editing = action
    item.append(form)
    form.querySelector("input")?.focus()
    form.querySelector("[data-action=cancel]").addEventListener("click", () => this.#close(id, action))
    form.addEventListener("keydown", event => { if (event.key === "Escape") { event.stopPropagation(); event.preventDefault(); this.#close(id, action) } })
    return form
  }

  #close(id, action) {
    const item = this.#list.item(id)
    delete item.dataset.editing
    item.querySelector(".row-form")?.remove()
    item.querySelector(`[data-action=${action}]`).focus()
  }

  async #saveTitle(id, title) {
    const undo = this.#list.rename(id, title)
    try {
      await this.#api.updateChat(id, { title })
      this.#toasts.show("Chat title updated successfully!", "success")
    } catch {
      undo()
      this.#toasts.show("Failed to update chat title. Please try again.", "error")
    }
  }

  async #remove(id) {
    const undo = this.#list.remove(id)
    try {
      await this.#api.deleteChat(id)
      this.#toasts.show("Chat deleted successfully!", "success")
      this.#list.deleted(id)
    } catch {
      undo()
      this.#toasts.show("Failed to delete chat. Please try again.", "error")
    }
  }
}
