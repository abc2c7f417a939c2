import { connectionWords } from "../helpers/connection_words.js"
import { setText } from "../helpers/dom.js"

const ACTIVITY = { ready: "Ready", submitted: "Processing", streaming: "Streaming", error: "Error" }

// Says how the connection is: the dot in the header, and one line above the composer when there is something to say.
export class ConnectionIndicator {
  #status
  #activity
  #button
  #session
  #timer = null

  constructor({ status, activity, button, session }) {
    this.#status = status
    this.#activity = activity
    this.#button = button
    this.#session = session
    for (const type of ["change", "connection", "message"]) session.addEventListener(type, () => this.update())
    button.addEventListener("click", () => session.tryNow())
    this.update()
  }

  update() {
    const { recovery, health, status } = this.#session
    this.#status.dataset.health = recovery.isExhausted ? "failed" : health.connectionHealth
    this.#status.dataset.retryCount = recovery.retryCount
    this.#activity.dataset.state = status
    setText(this.#activity.querySelector(".activity-label"), ACTIVITY[status])
    const words = this.#words()
    this.#status.dataset.tone = words.tone
    setText(this.#status.querySelector(".connection-text"), words.text)
    setText(this.#status.querySelector(".connection-countdown"), words.countdown)
    this.#button.hidden = !words.canTry
    this.#tick(words.text !== "")
  }

  #words() {
    const { recovery, health, isQueued } = this.#session
    return connectionWords({
      health: health.connectionHealth,
      reason: health.reason,
      retryCount: recovery.retryCount,
      maxRetries: recovery.maxRetries,
      isRecovering: recovery.isRecovering,
      waitsFor: recovery.waitsFor,
      exhausted: recovery.isExhausted,
      busy: recovery.isAskedToWait,
      offline: !navigator.onLine,
      queued: isQueued,
    })
  }

  #tick(needed) {
    clearTimeout(this.#timer)
    if (needed) this.#timer = setTimeout(() => this.update(), 500)
  }
}
