"""However a text is cut into pieces, the finished stream holds what rendering it at once gives."""

import random
from pathlib import Path

import pytest

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.md"))
# Folds blocks from this length on, instead of 4096, so that short texts meet what long ones meet.
SHORT_FOLDS = (24, 60, 200)

FIRST_DIFFERENCE = """cases => cases.map(([text, sizes, options]) => {
  const whole = harness.whole(text)
  const streamed = sizes.map(size => harness.stream(harness.byBytes(text, size), options)).find(html => html !== whole)
  return streamed === undefined ? null : {text, options, whole, streamed}
}).find(Boolean) ?? null"""

# Every line that starts, continues or ends some block: random texts of them meet at all their borders.
LINES = [
    "",
    "",
    "word",
    "*a* **b** `c`",
    "- item",
    "- ",
    "  - inner",
    "    deep",
    "\tdeep",
    "1. one",
    "2. two",
    "7) seven",
    "> quote",
    "> - in quote",
    ">",
    ">> twice",
    "```js",
    "```",
    "~~~",
    "````",
    "# head",
    "#",
    "#no",
    "---",
    "===",
    "***",
    "- - -",
    "| a | b |",
    "|---|:-:|",
    "| 1 | 2 |",
    "a | b",
    "- | -",
    "[a]: https://a.example 'title",
    "more'",
    "[b]: https://b.example",
    "[a] and [b]",
    "[c]:",
    "https://c.example",
    "![i](https://i.example/x.png)",
    "<div>",
    "- [ ] task",
    "- [x] done",
    "text\\",
    "  two",
    "   three",
    "a\r",
    "&amp; &#33;",
    "```md",
    "```python",
    "~~~markdown",
    "\\[",
    "\\]",
    "$$",
    "$$x$$",
    "x $$a_1",
    "b_1$$ and \\(c_1",
    "d_1\\)",
    "\\begin{align}",
    "\\end{align}",
    "a &= b \\\\",
    "**重要。**次",
    "**half",
    "[half](",
]
# What stays open long enough to be folded at several depths.
LONG_LINES = [
    "- item with some words",
    "  - inner item with words",
    "    - third level",
    "1. one step",
    "   more of the step",
    "",
    "  more of the item",
    "> quoted words and more",
    "> - list in quote",
    ">",
    "```",
    "  ```",
    "code = [1, 2, 3]",
    "  code()",
    "| a | b |",
    "|---|---|",
    "| long cell | other cell |",
    "a sentence with *emphasis that",
    "goes on* over lines",
    "- [ ] task",
    "      deep",
    "[a]: https://a.example",
    "[a]",
    "```md",
    "```python",
    "$$",
    "a &= b \\\\",
    "含**「重点」**内容",
]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_streamed_text_equals_the_whole_one(page, path):
    text = path.read_bytes().decode()
    cases = [[text, [1, 3, 17, 4096], {"foldAbove": fold}] for fold in (4096, *SHORT_FOLDS)]
    assert page.evaluate(FIRST_DIFFERENCE, cases) is None


@pytest.mark.parametrize("seed", range(3))
def test_random_texts_give_the_same_streamed_and_whole(page, seed):
    assert page.evaluate(FIRST_DIFFERENCE, random_cases(seed, LINES, 14, (4096,), count=120)) is None


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lines", [LINES, LONG_LINES], ids=["all", "long"])
def test_folded_random_texts_give_the_same_streamed_and_whole(page, seed, lines):
    assert page.evaluate(FIRST_DIFFERENCE, random_cases(seed, lines, 30, SHORT_FOLDS, count=50)) is None


@pytest.mark.parametrize(
    "kind",
    ["- item {}\n", "{}. step\n\n   more\n\n", "> quoted {} words\n", "sentence {} with *words* and ", "| {} | b |\n"],
)
@pytest.mark.parametrize(
    "opening", ["", "```js\n", "- ", "| a | b |\n|---|---|\n"], ids=["plain", "fence", "item", "table"]
)
def test_one_very_long_block_gives_the_same_streamed_and_whole(page, kind, opening):
    text = opening + "".join(kind.format(number) for number in range(1, 1500)) + "\n\n# end\n"
    assert page.evaluate(FIRST_DIFFERENCE, [[text, [700], {}]]) is None


def random_cases(seed, lines, longest, folds, count):
    chance = random.Random(seed)
    texts = ["\n".join(chance.choices(lines, k=chance.randint(2, longest))) for _ in range(count)]
    return [[text, [1, 7], {"foldAbove": chance.choice(folds)}] for text in texts]
