import { entersLines } from "../helpers/keys.js"

// Where a message is written. Enter sends where there is a keyboard and Shift+Enter breaks the line; on a phone Enter
// breaks the line and the button sends. What is not sent is kept as a draft.
export class Composer {
  #form
  #box
  #send
  #stop
  #error
  #session

  constructor({ form, session }) {
    this.#form = form
    this.#session = session
    this.#box = form.querySelector("#message")
    this.#send = form.querySelector("#send")
    this.#stop = form.querySelector("#stop")
    this.#error = form.querySelector("#composer-error")
    this.#listen()
    this.#box.enterKeyHint = entersLines() ? "enter" : "send"
    this.write(this.#box.value || session.input)
  }

  // From here on the page's modules listen. What early.js remembered is done now.
  open() {
    this.#form.dataset.open = "yes"
    if (this.#form.dataset.sendWhenOpen) this.#submit()
  }

  focus() {
    this.#box.focus()
  }

  write(text) {
    this.#box.value = text
    this.#session.input = text
    this.#fit()
    this.update()
  }

  // Puts an example behind what is written, as typing would: nothing is lost, and undo takes it back. An example that
  // nobody has touched makes way for the next.
  suggest(text, examples) {
    const { value } = this.#box
    const isExample = examples.includes(value)
    this.focus()
    this.#box.setSelectionRange(isExample ? 0 : value.length, value.length)
    const added = value.trim() && !isExample ? `\n\n${text}` : text
    if (!document.execCommand("insertText", false, added)) this.write(isExample ? text : value + added)
  }

  complain(sentence) {
    this.#error.textContent = sentence
    this.#error.hidden = !sentence
  }

  update() {
    const { isLoading } = this.#session
    this.#stop.hidden = !isLoading
    this.#stop.disabled = this.#session.isStopping
    this.#send.hidden = isLoading
    const excess = charactersOver(this.#box.dataset.limit, this.#box.value)
    this.#send.disabled = isLoading || excess > 0 || !this.#box.value.trim()
    if (excess > 0) this.complain(`This message is too long by ${excess.toLocaleString()} character${excess === 1 ? "" : "s"}.`)
    else if (this.#box.dataset.excess) this.complain("")
    this.#box.dataset.excess = excess > 0 ? excess : ""
  }

  #listen() {
    this.#form.addEventListener("submit", event => { event.preventDefault(); this.#submit() })
    this.#box.addEventListener("keydown", event => this.#type(event))
    this.#box.addEventListener("input", () => { this.#session.input = this.#box.value; this.#fit(); this.update() })
    this.#stop.addEventListener("click", () => this.#session.stop())
    this.#form.querySelector(".composer-box").addEventListener("click", event => { if (!event.target.closest("button")) this.focus() })
    this.#session.addEventListener("change", () => this.#mind())
    this.#session.addEventListener("returned", ({ detail }) => this.write(detail.text))
  }

  #type(event) {
    if (event.key !== "Enter" || event.shiftKey || entersLines(event)) return
    event.preventDefault()
    this.#submit()
  }

  #submit() {
    const text = this.#box.value
    if (this.#send.disabled) return
    this.complain("")
    this.write("")
    this.#session.send(text)
    this.focus()
  }

  // Stop takes the place of Send; whoever had the focus there must not lose it.
  #mind() {
    const focused = document.activeElement === this.#stop || document.activeElement === this.#send
    this.update()
    if (focused) this.focus()
  }

  // For browsers without `field-sizing: content`.
  #fit() {
    if (CSS.supports("field-sizing", "content")) return
    this.#box.style.height = "auto"
    this.#box.style.height = `${this.#box.scrollHeight}px`
  }
}

// Characters as the server counts them: an emoji is one. A cut by `maxlength` would lose text without a word.
function charactersOver(limit, text) {
  return text.length <= limit ? 0 : Array.from(text).length - limit
}
