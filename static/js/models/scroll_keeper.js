const NEAR_THE_END_PX = 64

// Keeps the newest words in sight as long as the reader is at the end, and never moves a reader who has scrolled up.
export class ScrollKeeper {
  #scroller
  #content
  #jump
  #atEnd = true
  #last = 0

  constructor({ scroller, content, jump }) {
    this.#scroller = scroller
    this.#content = content
    this.#jump = jump
    scroller.addEventListener("scroll", () => this.#look(), { passive: true })
    jump.addEventListener("click", () => this.toEnd({ smooth: true }))
    const observer = new ResizeObserver(() => this.#keep())
    observer.observe(content)
    observer.observe(scroller)
    if (content.childElementCount) this.toEnd()
  }

  toEnd({ smooth = false } = {}) {
    this.#atEnd = true
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: smooth ? "smooth" : "instant" })
    this.#show()
  }

  #keep() {
    if (this.#atEnd && this.#content.childElementCount) this.#scroller.scrollTop = this.#scroller.scrollHeight
    this.#look()
  }

  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller
    const distance = scrollHeight - scrollTop - clientHeight
    if (distance <= NEAR_THE_END_PX && scrollTop >= this.#last) this.#atEnd = true
    else if (scrollTop < this.#last && distance > 1) this.#atEnd = false
    this.#last = scrollTop
    this.#scroller.toggleAttribute("data-scrolled", scrollTop > 4)
    this.#show(distance)
  }

  #show(distance = 0) {
    this.#jump.hidden = this.#atEnd || distance <= NEAR_THE_END_PX
  }
}
