import { speakable } from "../markdown/speech.js"
import { hasThought } from "../helpers/parts.js"
import { ONLY_THOUGHT } from "../helpers/sentences.js"

const READ_ALOUD_UP_TO = 600
// Marks and addresses make the Markdown longer than its words, but not by more than this.
const READ_UP_TO = 6000

// Tells screen readers how a reply goes: once when it begins, once when it is there, never word by word.
export class Announcer {
  #element
  #said = ""

  constructor({ element, session }) {
    this.#element = element
    session.addEventListener("change", () => { if (session.status === "submitted") this.#say("AI is thinking…") })
    session.addEventListener("message", ({ detail }) => { if (detail.message.status === "streaming" && hasThought(detail.message)) this.#say("The model has thought and is answering.") })
    session.addEventListener("settled", ({ detail }) => this.#say(summaryOf(detail.message)))
  }

  #say(text) {
    if (text === this.#said) return
    this.#said = text
    this.#element.textContent = text
  }
}

function summaryOf({ status, content, laterAttempt, ...message }) {
  if (laterAttempt) return "There is no new reply. The one before it is kept."
  if (status === "complete" && !content && hasThought(message)) return ONLY_THOUGHT
  if (status === "complete") return summaryOfComplete(content)
  return { stopped: "The reply was stopped.", failed: "The reply failed.", interrupted: "The reply was interrupted." }[status] ?? ""
}

function summaryOfComplete(content) {
  const words = content.length <= READ_UP_TO ? speakable(content) : ""
  return words && words.length <= READ_ALOUD_UP_TO ? `Reply: ${words}` : "The reply is complete."
}
