"""However a text is cut into pieces, the finished stream holds what rendering it at once gives."""

import random
from pathlib import Path

import pytest

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.md"))
SAME = """([text, sizes, options]) => {
  const whole = harness.whole(text)
  return sizes.map(size => {
    const streamed = harness.stream(harness.byBytes(text, size), options)
    return streamed === whole ? null : {size, whole, streamed}
  }).find(Boolean) ?? null
}"""


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_streamed_text_equals_the_whole_one(page, path):
    assert page.evaluate(SAME, [path.read_text(), [1, 3, 17, 4096]]) is None


# Every line that starts, continues or ends some block: random texts of them meet at all their borders.
LINES = [
    "", "", "word", "*a* **b** `c`", "- item", "- ", "  - inner", "    deep", "\tdeep", "1. one", "2. two", "7) seven",
    "> quote", "> - in quote", ">", ">> twice", "```js", "```", "~~~", "````", "# head", "#", "#no", "---", "===", "***", "- - -", "| a | b |",
    "|---|:-:|", "| 1 | 2 |", "a | b", "- | -", "[a]: https://a.example 'title", "more'", "[b]: https://b.example", "[a] and [b]",
    "[c]:", "https://c.example", "![i](https://i.example/x.png)", "<div>", "- [ ] task", "- [x] done", "text\\", "  two", "   three", "a\r", "&amp; &#33;",
]


def random_text(chance, lines, longest):
    return "\n".join(chance.choices(lines, k=chance.randint(2, longest)))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("fold_above", [4096, 24], ids=["unfolded", "folded"])
def test_random_texts_give_the_same_streamed_and_whole(page, seed, fold_above):
    chance = random.Random(seed)
    for _ in range(150):
        text = random_text(chance, LINES, 14)
        difference = page.evaluate(SAME, [text, [1, 5], {"foldAbove": fold_above}])
        assert difference is None, f"{text!r}\n{difference}"
