"""Text comes into sight at the pace of the stream: never far behind it, and at once where motion is not wanted."""

BEHIND = """async () => {
  harness.element.replaceChildren()
  const markdown = new harness.MarkdownStream(harness.element, {reveal: true})
  const arrivals = []
  let behind = 0
  let sent = 0
  let slowest = 0
  const start = performance.now()
  while (performance.now() - start < 2500) {
    const due = Math.floor((performance.now() - start) / 100) * 40
    if (due > sent) {
      markdown.append("words and ".repeat(4).slice(0, due - sent))
      sent = markdown.text.length
      arrivals.push([sent, performance.now()])
    }
    const before = performance.now()
    await new Promise(requestAnimationFrame)
    slowest = Math.max(slowest, performance.now() - before)
    while (arrivals.length && arrivals[0][0] <= markdown.visibleText.length) arrivals.shift()
    if (arrivals.length) behind = Math.max(behind, performance.now() - arrivals[0][1])
  }
  return [behind, slowest]
}"""
AFTER_ONE_DRAW = """() => {
  harness.element.replaceChildren()
  const frames = new harness.Frames()
  const markdown = new harness.MarkdownStream(harness.element, {reveal: true, requestFrame: frames.request})
  markdown.append("a sentence of some words")
  frames.run()
  return markdown.pending
}"""


def test_text_is_never_more_than_400_ms_behind(page):
    behind, slowest_frame = page.evaluate(BEHIND)
    assert behind < 400 + slowest_frame


def test_text_that_has_just_arrived_comes_bit_by_bit(open_page):
    assert after_one_draw(open_page()) > 0


def test_with_reduced_motion_text_is_shown_at_once(open_page):
    assert after_one_draw(open_page(reduced_motion="reduce")) == 0


def test_in_a_background_tab_text_is_shown_at_once(open_page):
    page = open_page()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    assert after_one_draw(page) == 0


def test_a_background_tab_goes_on_without_animation_frames(open_page, until):
    page = open_page()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")
    page.evaluate("window.requestAnimationFrame = () => {}")
    page.evaluate("harness.element.replaceChildren()")
    page.evaluate("new harness.MarkdownStream(harness.element).append('hello')")
    until(page, "harness.element.textContent === 'hello'")


def test_finish_shows_everything_before_it_returns(page):
    page.evaluate("harness.element.replaceChildren()")
    shown = page.evaluate("""() => {
      const markdown = new harness.MarkdownStream(harness.element, {reveal: true})
      markdown.append("some *words*")
      markdown.finish()
      return harness.element.innerHTML
    }""")
    assert shown == "<p>some <em>words</em></p>"


def test_the_whole_text_of_finish_wins(page):
    shown = page.evaluate("""() => {
      const frames = new harness.Frames()
      const markdown = new harness.MarkdownStream(harness.element, {requestFrame: frames.request})
      markdown.append("wrong")
      frames.run()
      markdown.finish("right")
      return [harness.element.innerHTML, markdown.text]
    }""")
    assert shown == ["<p>right</p>", "right"]


def test_a_finished_text_can_be_continued(page):
    shown = page.evaluate("""() => {
      const frames = new harness.Frames()
      const markdown = new harness.MarkdownStream(harness.element, {requestFrame: frames.request})
      markdown.append("- one\\n- tw")
      markdown.finish()
      markdown.append("o\\n- three")
      frames.run()
      markdown.finish()
      return harness.element.innerHTML
    }""")
    assert shown == '<ul dir="auto"><li>one</li><li>two</li><li>three</li></ul>'


def after_one_draw(page):
    return page.evaluate(AFTER_ONE_DRAW)
