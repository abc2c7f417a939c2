const READ_ALOUD_UP_TO = 600

// Tells screen readers how a reply goes: once when it begins, once when it is there, never word by word.
export class Announcer {
  #element
  #said = ""

  constructor({ element, session }) {
    this.#element = element
    session.addEventListener("change", () => { if (session.status === "submitted") this.#say("AI is thinking…") })
    session.addEventListener("settled", ({ detail }) => this.#say(summaryOf(detail.message)))
  }

  #say(text) {
    if (text === this.#said) return
    this.#said = text
    this.#element.textContent = text
  }
}

function summaryOf({ status, content }) {
  if (status === "complete") return content.length <= READ_ALOUD_UP_TO ? `Reply: ${content}` : "The reply is complete."
  return { stopped: "The reply was stopped.", failed: "The reply failed.", interrupted: "The reply was interrupted." }[status] ?? ""
}
