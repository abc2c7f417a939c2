"""Blocks of code: colours that come later and change no text, a button that copies."""

import pytest

CODE = "```python\ndef f(x):\n    return f'{x}'  # <b>\n```\n"


def test_code_is_coloured_by_the_worker_under_the_strict_policy(page):
    page.evaluate("text => harness.whole(text)", CODE)
    page.wait_for_selector("#body .code-keyword")
    assert page.locator("#body code").inner_text() == "def f(x):\n    return f'{x}'  # <b>\n"
    assert page.evaluate("harness.violations(harness.element)") == []
    assert page.evaluate("harness.alarms") == []


def test_streamed_code_is_coloured_like_the_whole(page):
    page.evaluate("text => harness.whole(text)", CODE)
    page.wait_for_selector("#body .code-keyword")
    whole = page.evaluate("harness.element.innerHTML")
    page.evaluate("text => harness.stream(harness.byBytes(text, 3))", CODE)
    page.wait_for_selector("#body .code-keyword")
    assert page.evaluate("harness.element.innerHTML") == whole


def test_long_code_keeps_its_text_when_coloured(page, until):
    text = "".join(f"def function_{n}():\n    return {n}  # a comment\n" for n in range(400))
    page.evaluate("text => harness.whole(text)", f"```python\n{text}```\n")
    until(page, "[...document.querySelectorAll('.code-lines')].every(group => group.querySelector('.code-keyword'))")
    assert page.evaluate("harness.element.querySelector('code').textContent") == text


def test_an_unknown_language_is_named_and_left_plain(page):
    page.evaluate("text => harness.whole(text)", "```klingon\nqapla'\n```\n")
    assert page.locator("#body .code-language").inner_text() == "klingon"
    page.wait_for_timeout(300)
    assert page.locator("#body .code-lines span").count() == 0


def test_the_button_copies_the_code(open_page, until):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("text => harness.whole(text)", CODE)
    page.get_by_role("button", name="Copy code").click()
    until(page, "document.querySelector('.code-copy').textContent === 'Copied'")
    assert page.evaluate("navigator.clipboard.readText()") == "def f(x):\n    return f'{x}'  # <b>"


def test_a_coloured_block_survives_more_text_after_it(page):
    kept = page.evaluate(
        """async (text) => {
      const frames = new harness.Frames()
      harness.element.replaceChildren()
      const markdown = new harness.MarkdownStream(harness.element, {requestFrame: frames.request})
      markdown.append(text + "\\nmore\\n\\nand more\\n\\n")
      frames.run()
      const block = harness.element.querySelector(".code-block")
      while (!block.querySelector(".code-keyword")) await new Promise(requestAnimationFrame)
      markdown.append("the end")
      markdown.finish()
      return harness.element.querySelector(".code-block") === block && !!block.querySelector(".code-keyword")
    }""",
        CODE,
    )
    assert kept


# microsoft/vscode#208191, Kilo-Org/kilocode#14164
def test_a_selection_in_an_open_fence_stays_when_the_fence_closes(page, until):
    page.evaluate(
        """() => {
      const frames = new harness.Frames()
      harness.element.replaceChildren()
      const markdown = new harness.MarkdownStream(harness.element, {requestFrame: frames.request})
      window.write = (text) => { markdown.append(text); frames.run() }
      write("Here:\\n\\n```python\\ndef f(x):\\n    return x\\n")
      const text = harness.element.querySelector(".code-lines").firstChild
      getSelection().setBaseAndExtent(text, text.data.indexOf("turn"), text, text.data.indexOf("f(x)"))
      for (const piece of ["`", "`", "`", "\\n", "\\nand more\\n\\nand more"]) write(piece)
      window.finish = () => markdown.finish()
    }"""
    )
    page.wait_for_selector("#body .code-keyword")
    assert page.evaluate("[getSelection().toString(), getSelection().anchorNode.data]") == ["f(x):\n    re", "return"]
    page.evaluate("finish()")
    assert page.evaluate("getSelection().toString()") == "f(x):\n    re"


@pytest.mark.parametrize(
    ("language", "text", "colour"),
    [
        ("scala", "val x = 1", "keyword"),
        ("hs", "import Data.List", "keyword"),
        ("tf", 'resource "a" "b" {\n}', "string"),
        ("vue", "<template></template>", "name"),
        ("dockerfile", "FROM scratch", "keyword"),
    ],
)
def test_a_rarer_language_is_fetched_when_it_is_needed(page, server, language, text, colour):
    page.evaluate("text => harness.whole(text)", f"```{language}\n{text}\n```\n")
    page.wait_for_selector(f"#body .code-{colour}")
    assert page.locator("#body code").inner_text() == text + "\n"
    assert page.evaluate("harness.alarms") == []


def test_no_language_is_fetched_before_it_is_needed(open_page, server, until):
    page = open_page()
    server.asked.clear()
    page.evaluate("text => harness.whole(text)", CODE)
    page.wait_for_selector("#body .code-keyword")
    assert [path for path in server.asked if "/languages/" in path] == []
    page.evaluate(
        "text => harness.whole(text)", "```scala\nval x = 1\n```\n```haskell\nimport A\n```\n```scala\nval y = 2\n```\n"
    )
    until(page, "document.querySelectorAll('.code-keyword').length === 3")
    names = [path.rsplit("/", 1)[1] for path in server.asked if "/languages/" in path]
    assert names == ["scala.mjs", "haskell.mjs"]


# FiligranHQ/filigran-ui#288
def test_a_fence_of_markdown_is_one_block_while_it_streams(page):
    text = "```markdown\n# T\n```python\nx = 1\n```\nend\n```\nafter"
    shown = page.evaluate(
        """text => {
      const seen = []
      harness.stream(harness.byBytes(text, 1), {}, () => seen.push([
        harness.element.querySelectorAll(".code-block").length, harness.element.querySelector("code")?.textContent ?? ""]))
      return seen
    }""",
        text,
    )
    code = "# T\n```python\nx = 1\n```\nend\n"
    assert max(blocks for blocks, _ in shown) == 1
    assert all(code.startswith(part) for _, part in shown)
    assert shown[-1] == [1, code]
    assert page.locator("#body > p").inner_text() == "after"
