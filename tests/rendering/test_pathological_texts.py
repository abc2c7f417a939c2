"""Texts made to hang a parser or overflow its stack are drawn in time, and nothing of them is lost."""

import pytest

from tests.support.patience import Stopwatch

TEXTS = {
    "stars": "*" * 50_000,
    "quotes": ">" * 50_000,
    "brackets": "[" * 50_000,
    "image brackets": "![" * 25_000,
    "links": "[a](" * 12_500,
    "backticks": "`" * 50_000,
    "runs of backticks": " ".join("`" * n for n in range(1, 300)),
    "list markers": "1. " * 16_000,
    "emphasis": "*a **b " * 7_000,
    "underscores": "_a __b " * 7_000,
    "tildes": "~~a " * 12_000,
    "entities": "&amp" * 12_000,
    "angles": "<" * 50_000,
    "addresses": "https://a." * 5_000,
    "schemes": "http://" * 7_000,
    "mail": "a@" * 25_000,
    "nested list": "\n".join("  " * depth + "- a" for depth in range(300)),
    "nested quotes": (">" * 200 + "a\n") * 200,
    "table": "|a" * 2_000 + "\n" + "|-" * 2_000 + "\n" + "|\n" * 2_000,
    "definitions": "[a]: https://a.example\n" * 2_000,
    "open titles": "[a]: https://a.example '\n" * 2_000,
    "combining": "e" + "\u0301" * 50_000,
    "lines": "a\n" * 25_000,
    "blanks": " \n" * 25_000,
    "rules": "---\n" * 12_000,
    "fences": "```\n" * 12_000,
    "backslashes": "\\" * 50_000,
    "tabs": "\t" * 10_000 + "a",
    "carriage returns": "\r" * 20_000,
    "one word": "a" * 50_000,
    "private": "\ue000" * 20_000,
    "stars in Chinese": "**「重" * 10_000,
    "a run of stars in Chinese": "重" + "*" * 50_000 + "重",
    "struck out in Japanese": "~~「あ" * 10_000,
    "open formulas": "\\(" * 25_000,
    "open formulas on lines": "\\[a\n\n" * 8_000,
    "a formula without an end": "$$\n" + "a &= b\n" * 7_000,
    "dollars": "$a_1 " * 10_000,
    "dollar signs": "$" * 50_000,
    "environments": "\\begin{a}" * 5_000,
    "environments by name": "".join(f"\\begin{{{'a' * (n % 30 + 1)}}}" for n in range(3_000)),
    "environments of many names": "".join(
        f"\\begin{{{''.join(chr(97 + n // 26**k % 26) for k in range(4))}}}" for n in range(4_000)
    ),
    "fences of Markdown": "```md\n" * 8_000,
    "fences in fences": "```md\n```js\n```\n" * 3_000,
    "pairs of fences": "```md\n" + "```js\n```\n" * 4_000,
    "one column": "|" * 50_000,
    "ten thousand columns": "|a" * 10_000 + "\n" + "|-" * 10_000 + "\n",
    "open images": "[![" * 12_500,
    "code": "```js\n" + "/*" * 25_000,
}
# Under load from other tests, everything is a few times slower than alone, where the slowest takes a second.
LIMIT_MS = 8000
DEEPEST = 130
MEASURE = """text => {
  const start = performance.now()
  harness.whole(text)
  const whole = performance.now() - start
  const html = harness.element.innerHTML
  const same = harness.stream(harness.byBytes(text, 5000)) === html
  const streamed = performance.now() - start - whole
  let deepest = 0
  for (const leaf of harness.element.querySelectorAll(":not(:has(*))")) {
    let depth = 0
    for (let node = leaf; node !== harness.element; node = node.parentNode) depth += 1
    deepest = Math.max(deepest, depth)
  }
  return {whole, streamed, same, deepest, faults: harness.violations(harness.element)}
}"""


@pytest.mark.parametrize("name", TEXTS)
def test_a_pathological_text_is_drawn_in_time(page, name):
    watch = Stopwatch()
    result = page.evaluate(MEASURE, TEXTS[name])
    waited = 1000 * (watch.wall_seconds - watch.seconds)
    assert result["whole"] - waited < LIMIT_MS
    assert result["streamed"] - waited < LIMIT_MS
    assert result["same"]
    assert result["deepest"] <= DEEPEST
    assert result["faults"] == []


def test_quotes_beyond_the_deepest_are_shown_as_text(page):
    page.evaluate("text => harness.whole(text)", ">" * 100 + "secret")
    shown = page.locator("#body").inner_text()
    assert shown.endswith("secret")
    assert shown.count(">") + page.locator("#body blockquote").count() == 100
