// Drawing may take this share of the main thread: the rest belongs to the reader and the page.
const SHARE = 0.1
// No longer than this between two frames, whatever they cost, so that the text stays within 400 ms of the stream.
const LONGEST_WAIT_MS = 220
const HIDDEN_WAIT_MS = 250
const MEMORY = 0.7

/** Animation frames, spaced so that what is drawn in them – with its layout and painting – keeps to its share of time. */
export class Frames {
  #cost = 0
  #earliest = 0
  #painted = new MessageChannel()
  #start = 0

  constructor() {
    // A message sent from an animation frame arrives once that frame has been laid out and painted.
    this.#painted.port1.onmessage = () => this.#learn(performance.now() - this.#start)
  }

  /** The time between two frames at the present cost, in milliseconds. */
  get interval() {
    return Math.min(LONGEST_WAIT_MS, this.#cost / SHARE)
  }

  /** `urgent` asks for the very next frame. Frames stop in a background tab; there a slow timer goes on. */
  request(draw, urgent = false) {
    const early = urgent ? 0 : this.#earliest - performance.now()
    if (document.hidden) setTimeout(draw, HIDDEN_WAIT_MS)
    else if (early > 0) setTimeout(() => this.#frame(draw), early)
    else this.#frame(draw)
  }

  #frame(draw) {
    requestAnimationFrame(() => this.#draw(draw))
  }

  #draw(draw) {
    this.#start = performance.now()
    this.#earliest = this.#start + this.interval
    draw()
    this.#painted.port2.postMessage(null)
  }

  #learn(cost) {
    this.#cost = this.#cost * MEMORY + cost * (1 - MEMORY)
    this.#earliest = this.#start + this.interval
  }
}
