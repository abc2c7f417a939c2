// How fast text that has arrived comes into sight: most of the backlog within SMOOTH_MS, all of it within LATEST_MS,
// which leaves two frames of the promised 400 ms for drawing it.
const SMOOTH_MS = 120
const LATEST_MS = 360

/** Paces text to a stream: told how much has arrived and when, it says how much of it should be visible now. */
export class Reveal {
  #arrivals = []
  #arrived = 0
  #visible = 0
  #lastLook = null

  arrive(total, now) {
    this.#arrived = total
    this.#arrivals.push({ total, now })
    this.#lastLook ??= now
  }

  /** `interval` is how long it may be until the next look. */
  visible(now, interval = 0) {
    const elapsed = Math.max(0, now - (this.#lastLook ?? now))
    this.#lastLook = now
    const backlog = this.#arrived - this.#visible
    const smooth = this.#visible + Math.ceil(backlog * (1 - Math.exp(-elapsed / SMOOTH_MS)))
    this.#visible = Math.min(this.#arrived, Math.max(smooth, this.#overdue(now + interval)))
    if (this.#visible === this.#arrived) this.#lastLook = null
    return this.#visible
  }

  showAll() {
    this.#visible = this.#arrived
    this.#arrivals = []
    this.#lastLook = null
    return this.#visible
  }

  #overdue(now) {
    let due = 0
    while (this.#arrivals.length && this.#arrivals[0].now <= now - LATEST_MS) due = this.#arrivals.shift().total
    return due
  }
}

/** The last border between what a reader sees as characters at or before `target`, counted from `from`, itself one. */
export function graphemeBorder(text, from, target) {
  if (target >= text.length) return text.length
  let border = from
  for (const { index, segment } of segmenter().segment(text.slice(from, target + LONGEST_GRAPHEME))) {
    if (from + index + segment.length > target) break
    border = from + index + segment.length
  }
  return border
}

const LONGEST_GRAPHEME = 32
let shared

function segmenter() {
  shared ??= new Intl.Segmenter(undefined, { granularity: "grapheme" })
  return shared
}
