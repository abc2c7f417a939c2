"""What a chunk costs does not depend on how much came before it."""

import pytest

from benchmarks.rendering.main_thread import CATEGORIES, Trace

KINDS = {
    "list": ("", "- item {} with some words in it\n"),
    "nested list": ("- top\n", "  - item {} with some words in it\n"),
    "loose list": ("", "{}. step\n\n   with a paragraph of its own\n\n"),
    "item": ("- item\n", "\n  paragraph {} of the item\n"),
    "fence": ("```\n", "print({})  # a line of code\n"),
    "fence in an item": ("- code:\n\n  ```\n", "  print({})  # a line of code\n"),
    "quote": ("", "> line {} of a quote\n>\n"),
    "table": ("| a | b |\n|---|---|\n", "| {} | some words |\n"),
    "table in a quote": ("> | a | b |\n> |---|---|\n", "> | {} | some words |\n"),
    "paragraph": ("", "sentence {} with *some* words. "),
    "paragraph of lines": ("", "sentence {} with *some* words.\n"),
    "paragraphs": ("", "paragraph {} with *some* words.\n\n"),
    "word": ("", "{}longword"),
    "line of Chinese": ("", "第{}句**「重点」**内容，"),
    "formulas": ("", "$$\na_{} &= b \\\\\n$$\n\n"),
    "fence of Markdown": ("```md\n", "# Part {}\n```python\nprint()\n```\n"),
    "half a table": ("", "| cell {} "),
    "half a mark": ("a **b ", "word {} "),
    "half a link": ("[", "word {} "),
    "half a code": ("`", "word {} "),
    "definitions": ("", "[a{0}]: https://example.com/{0}\n"),
}
# Counts the characters of all nodes that are built on the way, as a measure of the work that no other test disturbs.
WORK = """async ([text, size]) => {
  const {Spine} = await import("/static/js/markdown/spine.js")
  const {place} = Spine.prototype
  let built = 0
  Spine.prototype.place = function (fragment) {
    built += fragment.textContent.length
    return place.call(this, fragment)
  }
  harness.stream(harness.byBytes(text, size))
  Spine.prototype.place = place
  return built
}"""
CHUNK = 60


@pytest.mark.parametrize("name", KINDS)
def test_w23_twice_the_text_costs_twice_the_work(page, name):
    opening, line = KINDS[name]
    once, twice = (
        page.evaluate(WORK, [(opening + "".join(line.format(n) for n in range(5000)))[:length], CHUNK])
        for length in (20_000, 40_000)
    )
    assert twice <= 2.4 * once
    assert twice / (40_000 / CHUNK) < 6000


def test_streaming_at_the_end_of_a_long_reply_costs_the_main_thread_what_it_costs_at_the_beginning(page):
    """Compared with each other in one run: what a second of a processor does differs between machines and moments."""
    short, long = (traced(page, already) for already in (5_000, 200_000))
    assert min(short.count("Layout"), long.count("Layout")) > 2
    assert (
        long.cpu() < 8 * short.cpu()
    )  # its code may still be coloured; what draws the whole again costs forty times as much


def traced(page, already):
    """Two seconds of a stream behind so many characters."""
    text = "".join(PART.format(n) for n in range(400))
    page.evaluate(START_STREAM, [text, already])
    page.wait_for_timeout(500)
    browser = page.context.browser
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.evaluate("seconds => stream(seconds)", 2)
    return Trace(browser.stop_tracing())


PART = (
    "## Part {0}\n\n" + "Some words and *more* of them, `code` too, in a paragraph of usual length. " * 4 + "\n\n"
    "- one thing to do, {0} of them\n- two, with a reason for it\n- three\n\n"
    "```python\ndef part_{0}(value):\n    return value + {0}  # a comment\n```\n\nA closing sentence for this part of the reply.\n\n"
)
START_STREAM = """async ([text, already]) => {
  harness.element.replaceChildren()
  new ResizeObserver(() => scrollTo(0, document.documentElement.scrollHeight)).observe(harness.element)
  const markdown = new harness.MarkdownStream(harness.element, {reveal: true})
  markdown.append(text.slice(0, already))
  while (markdown.pending) await new Promise(requestAnimationFrame)
  window.stream = async (seconds) => {
    const start = performance.now()
    let at = already
    while (performance.now() - start < seconds * 1000) {
      const due = already + Math.floor((performance.now() - start) * 2)
      markdown.append(text.slice(at, due))
      at = due
      await new Promise(done => setTimeout(done, 16))
    }
  }
}"""
