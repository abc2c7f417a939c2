"""Blocks of code: colours that come later and change no text, a button that copies."""

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
