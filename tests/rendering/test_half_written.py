"""While a text is written, its end is half of something: no mark, heading or block is shown that the next words take away."""

import random

import pytest

# Where what is shown after each character is not the beginning of what is shown in the end.
TAKEN_AWAY = """text => {
  const seen = []
  harness.whole(text)
  const bare = () => harness.element.innerText.replace(/\\s/g, "")
  const whole = bare()
  harness.stream(harness.byBytes(text, 1), {}, () => seen.push(bare()))
  return seen.filter(shown => !whole.startsWith(shown))
}"""
SHOWN = """pieces => {
  const shown = []
  harness.stream(pieces, {}, () => shown.push(harness.element.innerHTML))
  return shown
}"""
TEXTS = {
    "strong": "Some **bold words** and more",
    "strong at the start": "**Bold:** and more",
    "strong over two lines": "Some **bold\nwords** and more",
    "emphasis": "Some *soft words* and _more_ of them",
    "both": "***both*** and **strong with *soft* inside**",
    "strong in Chinese": "这是**「重点」**内容，**复现：**10",
    "struck out": "Some ~~old words~~ new ones",
    "code": "Call `f(x)` or ``g`h`` now",
    "link": "See [the *page*](https://example.com/a_(b) 'A title') for more",
    "image": "See ![a chart](https://example.com/a.png) here",
    "link in a list": "- [one](https://one.example)\n- **[two](https://two.example)**: x",
    "address": "See <https://example.com/a> and https://example.org/b too",
    "entity": "Fish &amp; chips &#33; R&D &copy;",
    "escape": "A \\*star\\* and \\_more\\_",
    "list after a line": "Here:\n- one\n- two\n  - inner\n\n1. first\n2. second",
    "stars": "Here:\n* one\n* two",
    "tasks": "- [ ] open\n- [x] done",
    "marks after marks": "- [ ] **Note:** x\n- [x] `a` **[b](https://b.example)**\n\n| \\(a\\) | x |\n|---|---|\n| `y` | **z** |",
    "heading": "# Title\n\n## Part `a`\ntext\n### Last",
    "rule": "above\n\n---\n\nbelow\n\n***\n\nend",
    "quote": "> quoted **words**\n> more\n\nend",
    "fence": "Here:\n```python\nx = 1\n```\nand\n\n~~~\ny `\n~~~\n",
    "fence in an item": "1. Run:\n   ```sh\n   ls\n   ```\n2. Done",
    "table": "| Name | *Size* |\n|:-----|------:|\n| a `b` | **12** |\n| c | 3 |\n\nend",
    "table in an item": "- a table:\n\n  | a | b |\n  |---|---|\n  | 1 | 2 |\n",
    "definitions": "See here.\n\n[1]: https://example.com 'Title'\n",
    "formulas": "With \\(a_1 * b_2 * c\\) and $$x_i * y_i * z$$:\n\\[\na\n= b \\\\\n- c\n\\]\nwhere",
    "HTML": "Use <div class='a'>text</div> and List<String> if a < b",
    "emoji": "Family 👨‍👩‍👧 and 🇩🇪🇫🇷 flags",
    "index": "Take array[0] and f(x)[1], see [2]. 2 * 3 * 4 is 24, 2**3 is 8, snake_case_name",
    "numbers": "1984 was\n\n42\n\n3.14 is",
}

PHRASES = [
    "some words", "**bold text**", "*soft*", "`code x`", "[a link](https://a.example/x_y)", "~~gone~~", "R&D", "a < b", "3 * 4",
    "snake_case", "**bold with `code` in**", "*em **and strong***", "\\(a_1\\)", "$x_i$", "https://b.example/q?a=1&b=2",
    "![pic](https://c.example/p.png)", "**「重点」**内容", "(see [this](https://d.example))", "[1]", "😀", "&lt;tag&gt;",
    "C# and F#", "50%", "**Note:**", "__init__", "- dash", "1.5 x", "**[bold link](https://e.example)**", "*a*, *b*",
]  # fmt: skip
BLOCKS = [
    "{}", "- {}", "  - {}", "1. {}", "# {}", "> {}", "\n{}\n", "| {} | x |\n|---|---|\n| y | {} |\n", "```py\n# {}\n```",
    "- [ ] {}", "---\n", "* {}", "\n\\[\n{}\n\\]\n",
]  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_shown_of_a_half_written_text_stays(page, name):
    taken = page.evaluate(TAKEN_AWAY, TEXTS[name])
    assert taken == []


def test_what_is_shown_of_random_half_written_texts_stays(page):
    chance = random.Random(1)
    texts = ["\n".join(random_block(chance) for _ in range(chance.randint(1, 6))) for _ in range(60)]
    taken = {text: taken[0] for text in texts if (taken := page.evaluate(TAKEN_AWAY, text))}
    assert taken == {}


def random_block(chance):
    block = chance.choice(BLOCKS)
    while "{}" in block:
        block = block.replace("{}", " ".join(chance.choices(PHRASES, k=chance.randint(1, 4))), 1)
    return block


# Mintplex-Labs/anythingllm-embed#16, quantizor/markdown-to-jsx#828
def test_a_dash_under_a_line_is_no_heading(page):
    for text in ("Here:\n-", "Here:\n- one", "> Here:\n> - one", "Here:\n=", "Here:\n--"):
        assert not [html for html in page.evaluate(SHOWN, list(text)) if "<h" in html], text
    assert page.evaluate("harness.whole('Here:\\n-\\n')").count("<h") == 0


@pytest.mark.parametrize(
    ("half", "shown"),
    [
        ("**bo", "<p><strong>bo</strong></p>"),
        ("*bo", "<p><em>bo</em></p>"),
        ("~~bo", "<p><s>bo</s></p>"),
        ("`bo", "<p><code>bo</code></p>"),
        ("a [link](ht", "<p>a link</p>"),
        ("a **", "<p>a</p>"),
        ("含**「重", "<p>含<strong>「重</strong></p>"),
        ("2 * 3", "<p>2 * 3</p>"),
        ("2**3", "<p>2**3</p>"),
        ("array[0", "<p>array[0</p>"),
    ],
)
def test_what_is_not_closed_yet_looks_as_if_it_was(page, half, shown):
    assert page.evaluate(SHOWN, [half])[-1] == shown


def test_the_first_line_of_a_table_is_a_table(page):
    for half in ("| a |", "| a | b |\n", "| a | b |\n|--"):
        html = page.evaluate(SHOWN, [half])[-1]
        assert "<th>a</th>" in html
        assert "|" not in html


def test_a_text_that_ends_half_written_is_shown_as_it_is(page):
    for half in ("**bo", "a [link](ht", "x `", "| a | b |", "a &am", "3 <", "-"):
        streamed = page.evaluate("text => harness.stream([text])", half)
        assert streamed == page.evaluate("text => harness.whole(text)", half)
    assert page.evaluate("harness.stream(['**bo'])") == "<p>**bo</p>"


def test_a_mark_that_nobody_closes_does_not_hold_the_rest(page):
    shown = page.evaluate(SHOWN, ["a **b ", "word " * 100])[-1]
    assert "**b" in shown
    assert "<strong>" not in shown
