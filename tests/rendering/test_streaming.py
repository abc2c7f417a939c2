"""However a text is cut into pieces, the finished stream holds what rendering it at once gives."""

import random
from pathlib import Path

import pytest

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.md"))
SAME = """([text, sizes]) => {
  const whole = harness.whole(text)
  return sizes.map(size => {
    const streamed = harness.stream(harness.byBytes(text, size))
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


@pytest.mark.parametrize("seed", range(8))
def test_random_texts_give_the_same_streamed_and_whole(page, seed):
    chance = random.Random(seed)
    texts = ["\n".join(chance.choices(LINES, k=chance.randint(2, 14))) for _ in range(150)]
    for text in texts:
        difference = page.evaluate(SAME, [text, [1, 5]])
        assert difference is None, f"{text!r}\n{difference}"
