"""Where text, code and tables stand: by the direction of each block's own text, code always from the left."""

import pytest

ARABIC = "\u0645\u0631\u062d\u0628\u0627"
PLACES = """text => {
  harness.element.dir = "auto"
  harness.whole(text)
  const body = harness.element.getBoundingClientRect()
  return [...harness.element.querySelectorAll("p, li, td, .code-lines, code, .math, a")].map(element => {
    const range = document.createRange()
    range.selectNodeContents(element)
    const first = document.createRange()
    const text = document.createTreeWalker(element, NodeFilter.SHOW_TEXT).nextNode()
    first.setStart(text, 0)
    first.setEnd(text, 1)
    const all = range.getBoundingClientRect()
    const letter = first.getBoundingClientRect()
    return {
      name: element.localName, left: all.left - body.left, right: body.right - all.right,
      starts: letter.left - all.left < all.right - letter.right ? "left" : "right",
    }
  })
}"""


# nextcloud/spreed#15362
def test_code_after_an_arabic_line_starts_at_the_left(page):
    places = page.evaluate(PLACES, f"{ARABIC} {ARABIC}\n\n```python\ndef f(x): # {ARABIC}\n```\n")
    assert [(place["name"], place["starts"]) for place in places] == [
        ("p", "right"),
        ("code", "left"),
        ("span", "left"),
    ]
    assert places[0]["right"] < 1
    assert places[2]["left"] < 40


@pytest.mark.parametrize("code", ["`(x) = [1]`", "\\(x_1 = (1)\\)"])
def test_code_and_formulas_in_an_arabic_line_read_from_the_left(page, code):
    places = page.evaluate(PLACES, f"{ARABIC} {code} {ARABIC}")
    assert [place["starts"] for place in places] == ["right", "left"]


@pytest.mark.parametrize(
    "link", ["https://evil.example/{}/bank.example", "[evil.example/{}/bank.example](https://evil.example)"]
)
def test_an_address_in_an_arabic_line_begins_with_its_host(page, link):
    places = page.evaluate(PLACES, f"{ARABIC} {link.format(ARABIC)}")
    assert [place["starts"] for place in places] == ["right", "left"]


def test_lists_and_tables_follow_their_own_words(page):
    text = f"{ARABIC}\n\n- an item\n- another\n\n> quoted\n\n- {ARABIC}\n\n| a | b |\n|---|---|\n| c | d |\n"
    places = page.evaluate(PLACES, text)
    assert [place["starts"] for place in places[:5]] == ["right", "left", "left", "left", "right"]
    assert places[1]["left"] < 40
    assert places[4]["right"] < 40
    assert places[5]["left"] < places[6]["left"]


def test_the_lines_of_a_persons_own_text_follow_their_own_words(page):
    left, right = page.evaluate(
        """text => {
      harness.element.dir = "auto"
      harness.element.textContent = text
      harness.element.style.whiteSpace = "pre-wrap"
      const body = harness.element.getBoundingClientRect()
      const line = (from, to) => {
        const range = document.createRange()
        range.setStart(harness.element.firstChild, from)
        range.setEnd(harness.element.firstChild, to)
        return range.getBoundingClientRect()
      }
      const [code, arabic] = [line(6, 9), line(0, 5)]
      harness.element.style.whiteSpace = ""
      return [code.left - body.left, body.right - arabic.right]
    }""",
        f"{ARABIC}\ndef f(x):",
    )
    assert left < 1
    assert right < 1


def test_the_code_of_an_arabic_item_starts_at_the_left(page):
    places = page.evaluate(PLACES, f"- {ARABIC}\n\n  ```sh\n  ls -l\n  ```\n")
    assert [place["starts"] for place in places if place["name"] != "li"] == ["right", "left", "left"]


# n4ze3m/page-assist#357
def test_a_line_break_of_a_model_is_a_line_break(page):
    page.evaluate(
        "text => harness.whole(text)", "Roses are red\nViolets are *blue*\n\n- an item\n  goes on\n\n> quoted\n> twice"
    )
    lines = "Roses are red\nViolets are blue\n\nan item\ngoes on\nquoted\ntwice"
    assert page.locator("#body").inner_text().replace("\n\n", "\n") == lines.replace("\n\n", "\n")
    page.evaluate("getSelection().selectAllChildren(harness.element.firstChild)")
    assert page.evaluate("getSelection().toString()").strip() == "Roses are red\nViolets are blue"
    page.evaluate("text => harness.whole(text)", "```\none\ntwo\n```\n")
    assert page.locator("#body br").count() == 0


# gobii-ai/gobii-platform#1392
def test_on_a_phone_a_table_is_as_wide_as_its_content(open_page):
    page = open_page(viewport={"width": 390, "height": 800})
    row = "| alpha-large-2026 | 128,000 tokens | $3.00 in, $15.00 out | good at documents |\n"
    page.evaluate(
        "text => harness.whole(text)",
        f"| Model | Context window | Price per million tokens | Notes |\n|---|---|---|---|\n{row}",
    )
    heights = page.evaluate("[...document.querySelectorAll('tr')].map(row => row.getBoundingClientRect().height)")
    assert max(heights) < 60
    width, shown, page_width = page.evaluate("""() => {
      const scroller = document.querySelector(".table-scroll")
      return [scroller.scrollWidth, scroller.clientWidth, document.documentElement.scrollWidth]
    }""")
    assert width > shown
    assert page_width <= 390
    page.evaluate("text => harness.whole(text)", f"| a | b |\n|---|---|\n| {'many words ' * 30} | c |\n")
    assert page.evaluate("document.querySelector('td').clientWidth") <= 0.75 * 390 + 25
    page.evaluate("text => harness.whole(text)", "| a | b |\n|---|---|\n| c | d |\n")
    assert page.evaluate("document.querySelector('table').offsetWidth") >= 300
