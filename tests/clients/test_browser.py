"""The browser's own EventSource, on a page of ours, with the session's cookie."""

import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import begin, say, status_of
from tests.support.processes import wait_until

pytestmark = pytest.mark.browser

HELD = "scripted-hold:20:200"
BEGINNING = expected_text("scripted-words:20", [])

LISTEN = """path => {
  window.heard = []
  const source = new EventSource(path)
  source.addEventListener("delta", ({ data, lastEventId }) => heard.push({ delta: JSON.parse(data).text, id: lastEventId }))
  for (const end of ["done", "error"]) source.addEventListener(end, ({ data, lastEventId }) => {
    if (!data) return heard.push({ trouble: source.readyState })
    source.close()
    heard.push({ end, id: lastEventId, about: JSON.parse(data) })
  })
}"""
CONNECTING = 0


class Reader:
    """A page that listens. `asked` are the Last-Event-IDs of its requests, None for the first."""

    def __init__(self, browser):
        self.page = browser.page
        self.page.goto("/")
        self._requests = []
        self.page.on("request", lambda request: "/api/replies/" in request.url and self._requests.append(request))

    def listen(self, reply_id):
        self.page.evaluate(LISTEN, f"/api/replies/{reply_id}/stream")

    @property
    def asked(self):
        return [request.all_headers().get("last-event-id") for request in self._requests]

    @property
    def heard(self):
        return self.page.evaluate("window.heard")

    @property
    def text(self):
        return "".join(one.get("delta", "") for one in self.heard)

    def end(self):
        return wait_until(lambda: next((one for one in self.heard if "end" in one), None), 20, "the last event")


@pytest.fixture
def open_page(browse, site, ann):
    """A factory: a page of Ann's, at an address of the server."""
    return lambda url: Reader(browse(site, account=ann, url=url))


def test_events_are_heard_live_and_done_comes_last(open_page, site, ann, chat, provider):
    reply_id = begin(ann, chat, "hello", HELD, size=len(BEGINNING))
    reader = open_page(site.url)
    reader.listen(reply_id)
    wait_until(lambda: reader.text == BEGINNING, 10, "the beginning")
    provider.release()
    end = reader.end()
    assert reader.text == expected_text(HELD, [])
    assert (end["end"], end["id"]) == ("done", f"{len(reader.text)}.0")
    assert end["about"] == status_of(ann, reply_id)
    assert reader.asked == [None]


def test_after_a_cut_the_browser_comes_back_by_itself_and_misses_nothing(open_page, proxy, ann, chat, provider):
    reply_id = begin(ann, chat, "hello", HELD, size=len(BEGINNING))
    reader = open_page(proxy.url)
    reader.listen(reply_id)
    wait_until(lambda: reader.text == BEGINNING, 10, "the beginning")
    with proxy.away():
        provider.release()
        wait_until(lambda: {"trouble": CONNECTING} in reader.heard, 10, "the cut noticed")
    assert reader.end()["end"] == "done"
    assert reader.text == expected_text(HELD, [])
    assert (reader.asked[0], reader.asked[-1]) == (None, f"{len(BEGINNING)}.0")


def test_every_character_arrives_as_it_was_written(open_page, site, ann, chat):
    reader = open_page(site.url)
    reader.listen(say(ann, chat, "hello", "scripted-markdown").reply_id)
    reader.end()
    assert reader.text == expected_text("scripted-markdown", [])


def test_a_failure_is_an_event_with_its_reason(open_page, site, ann, chat):
    reader = open_page(site.url)
    reader.listen(say(ann, chat, "hello", "scripted-cut:3").reply_id)
    end = reader.end()
    assert (end["end"], end["about"]["error"]["code"]) == ("error", "UPSTREAM_INTERRUPTED")
    assert reader.text == "w0 w1 w2 "
