"""Whatever a model writes runs no script, fetches nothing and puts nothing into the page that is not on the list.

Shown twice: under the app's policy, where even an attempt would be reported, and in a page with no policy at all, where
the renderer stands alone.
"""

import json
from pathlib import Path

import pytest

CORPUS = json.loads((Path(__file__).parent / "corpus" / "payloads.json").read_text())
GROUPS = sorted({entry["group"] for entry in CORPUS})
FAULTS = "texts => texts.map(text => harness.faults(text))"


def test_the_corpus_is_large_enough():
    assert len(CORPUS) >= 150


@pytest.mark.parametrize("policy", ["strict", "none"])
@pytest.mark.parametrize("group", GROUPS)
def test_hostile_text_stays_text(open_page, server, group, policy):
    page = open_page(policy)
    foreign = []
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(page.origin) else None)
    page.on("popup", lambda popup: foreign.append(f"popup {popup.url}"))
    page.on("framenavigated", lambda frame: foreign.append(f"navigation {frame.url}"))
    server.asked.clear()

    faults = {}
    for texts in chunks([entry["text"] for entry in CORPUS if entry["group"] == group], 20):
        faults |= {text: found for text, found in zip(texts, page.evaluate(FAULTS, texts), strict=True) if found}

    assert faults == {}
    assert page.evaluate("new Promise(done => setTimeout(done, 100)).then(() => harness.alarms)") == []
    assert foreign == []
    asked = {path for path in server.asked if "highlight" not in path and not path.endswith("/markdown-lines.js")}
    assert asked == set()


def test_the_alarms_would_ring(open_page, server):
    page = open_page()
    server.asked.clear()
    bad = """async () => {
      const image = document.createElement("img")
      image.src = "https://evil.example/leak"
      try { image.setAttribute("onclick", "alert(1)") } catch {}
      harness.element.replaceChildren(image)
      const own = document.createElement("img")
      own.src = "/leak"
      harness.element.append(own)
      await new Promise(done => setTimeout(done, 300))
      return [harness.alarms.join(), harness.violations(harness.element).join()]
    }"""
    alarms, violations = page.evaluate(bad)
    assert "img-src https://evil.example/leak" in alarms
    assert "require-trusted-types-for trusted-types-sink" in alarms
    assert "element img" in violations
    assert "/leak" in server.asked


def test_an_allowed_link_says_where_it_leads(page):
    page.evaluate("harness.whole('[your bank](https://evil.example/login)')")
    assert page.locator("#body").inner_text() == "your bank (evil.example)"


def test_look_alike_letters_in_a_host_show_as_punycode(page):
    page.evaluate("harness.whole('https://b\\u0430nk.example')")
    assert "(xn--bnk-6cd.example)" in page.locator("#body").inner_text()


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("[https://bank.example](https://evil.example)", "https://bank.example (evil.example)"),
        ("[bank.example](https://bank.example@evil.example)", "bank.example (evil.example)"),
        ("<https://bank.example@evil.example/x>", "https://bank.example@evil.example/x (evil.example)"),
        ("[paypal](https://xn--pypal-4ve.example)", "paypal (xn--pypal-4ve.example)"),
        ("https://paypaI.example", "https://paypaI.example (paypai.example)"),
        ("[a\u202eb](https://evil.example)", "a⟨U+202E⟩b (evil.example)"),
        ("[mail](mailto:a@bank.example?bcc=b@evil.example)", "mail (a@bank.example,b@evil.example)"),
        ("[here](/logout)", "[here](/logout)"),
        ("[here](//evil.example)", "[here](//evil.example)"),
        ("[](https://evil.example)", "evil.example"),
        ("[![bank.example](https://i.example)](https://evil.example)", "bank.example (evil.example)"),
    ],
)
def test_the_true_host_of_a_link_is_seen(page, link, shown):
    page.evaluate("text => harness.whole(text)", link)
    assert page.locator("#body").inner_text() == shown


def test_of_a_long_host_the_owner_is_seen(page):
    page.evaluate("text => harness.whole(text)", f"[x](https://bank.example.{'a' * 60}.{'b' * 60}.evil.example)")
    assert page.locator("#body").inner_text().endswith("b.evil.example)")


def test_a_link_that_names_its_host_needs_no_more(page):
    page.evaluate("harness.whole('<https://example.com/a>')")
    assert page.locator("#body").inner_text() == "https://example.com/a"


def test_an_image_is_a_link_and_not_fetched(page):
    page.evaluate("harness.whole('![a chart](https://example.com/chart.png)')")
    assert page.locator("#body img").count() == 0
    assert page.locator("#body a.image-link").get_attribute("href") == "https://example.com/chart.png"


def test_raw_html_is_shown_as_text(page):
    page.evaluate("harness.whole('a <b>bold</b> <script>alert(1)</script>')")
    assert page.locator("#body").inner_text() == "a <b>bold</b> <script>alert(1)</script>"


def test_direction_overrides_are_spelled_out(page):
    page.evaluate("harness.whole('`\\u202egnp.exe`')")
    assert page.locator("#body").inner_text() == "⟨U+202E⟩gnp.exe"


def chunks(texts, size):
    return [texts[at : at + size] for at in range(0, len(texts), size)]
