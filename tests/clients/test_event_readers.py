"""Readers of server-sent events from PyPI and npm: an event's id is a byte offset, and to come back there loses nothing."""

import httpx
import pytest
from httpx_sse import connect_sse

from macrochat.providers.scripted import expected_text
from tests.replies.asking import asked, begin, messages_of, question, say, status_of, unique
from tests.support.processes import wait_until

WORDS = "scripted-words:40:25"
TEXT = expected_text(WORDS, [])
HELD = "scripted-hold:20:200"
BEGINNING = expected_text("scripted-words:20", [])
MARKDOWN = expected_text("scripted-markdown", [])


@pytest.fixture
def caller(site, key):
    with httpx.Client(base_url=site.url, headers={"X-API-KEY": key}, timeout=30, trust_env=False) as client:
        yield client


def listen(client, path, method="GET", **options):
    """Reads all events: the deltas' texts, their ids, and the last event."""
    with connect_sse(client, method, path, **options) as source:
        *deltas, last = source.iter_sse()
    assert {event.event for event in deltas} <= {"delta"}
    return [event.json()["text"] for event in deltas], [bytes_of_text(event.id) for event in deltas], last


def bytes_of_text(cursor):
    """Of the pair of a reply without a trace."""
    text, trace = cursor.split(".")
    assert trace == "0"
    return int(text)


class TestHttpxSse:
    def test_the_ids_are_the_bytes_so_far(self, caller, ann, chat):
        reply_id = say(ann, chat, "hello", "scripted-unicode").reply_id
        texts, ids, last = listen(caller, f"/api/replies/{reply_id}/stream")
        text = expected_text("scripted-unicode", [])
        assert "".join(texts) == text
        assert ids == [len("".join(texts[: k + 1]).encode()) for k in range(len(texts))]
        assert (last.event, bytes_of_text(last.id)) == ("done", len(text.encode()))
        assert last.json() == status_of(ann, reply_id)

    def test_lines_stay_lines(self, caller, chat):
        texts, _ids, last = listen(
            caller, f"/api/chats/{chat}/stream", "POST", json=question("hello", model="scripted-markdown")
        )
        assert "".join(texts) == MARKDOWN
        assert "\n" in MARKDOWN
        assert last.event == "done"

    def test_a_cut_line_is_an_error_and_the_last_id_brings_the_rest(self, caller, proxy, ann, chat):
        reply_id = begin(ann, chat, "hello", WORDS)
        proxy.cut(200)
        seen = []
        with connect_sse(caller, "GET", f"{proxy.url}/api/replies/{reply_id}/stream") as source:
            with pytest.raises(httpx.RemoteProtocolError):
                seen.extend(source.iter_sse())
        begun = "".join(event.json()["text"] for event in seen if event.event == "delta")
        last_id = seen[-1].id if seen else ""
        texts, _ids, last = listen(caller, f"/api/replies/{reply_id}/stream", headers={"Last-Event-ID": last_id})
        assert begun + "".join(texts) == TEXT
        assert last.event == "done"

    def test_every_place_to_come_back_to_gives_the_rest(self, caller, chat):
        texts, ids, _last = listen(caller, f"/api/chats/{chat}/stream", "POST", json=question("hello", model=WORDS))
        path = f"/api/chats/{chat}/stream"
        reply_id = caller.get(f"/api/chats/{chat}").json()["data"]["messages"][-1]["id"]
        assert caller.get(path).status_code == 204
        for k in range(0, len(ids), 5):
            rest, _, _ = listen(caller, f"/api/replies/{reply_id}/stream", headers={"Last-Event-ID": str(ids[k])})
            assert "".join(texts[: k + 1]) + "".join(rest) == TEXT

    def test_a_failure_is_the_last_event(self, caller, chat):
        texts, _ids, last = listen(
            caller, f"/api/chats/{chat}/stream", "POST", json=question("hello", model="scripted-cut:3")
        )
        assert "".join(texts) == "w0 w1 w2 "
        assert (last.event, last.json()["status"], last.json()["error"]["code"]) == (
            "error",
            "failed",
            "UPSTREAM_INTERRUPTED",
        )


@pytest.fixture
def reader(packages, launch, key):
    """listen.mjs, with Ann's key."""
    return launch(packages("event-readers") / "listen.mjs", headers={"Authorization": f"Bearer {key}"})


def read_to_end(reader):
    reader.until("end", seconds=30)
    return "".join(reader.all("delta"))


def cut_after_the_beginning(reader, proxy, provider):
    """Cuts the line when all that the model has written so far was read, and lets the model write on meanwhile."""
    wait_until(lambda: "".join(reader.all("delta")) == BEGINNING, 10, "the beginning")
    with proxy.away():
        provider.release()
        reader.until("trouble")


class TestEventSourceForNode:
    def test_it_reads_live_and_its_ids_are_byte_offsets(self, reader, site, ann, chat, provider):
        reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
        reader.do("open", url=f"{site.url}/api/replies/{reply_id}/stream")
        wait_until(lambda: "".join(reader.all("delta")) == "w0 w1 w2 ", 10, "what was there")
        provider.release()
        text = expected_text("scripted-hold:3", [])
        assert read_to_end(reader) == text
        assert reader.told[-1]["end"] == "done"
        assert reader.told[-1]["about"] == status_of(ann, reply_id)
        assert [bytes_of_text(cursor) for cursor in reader.all("id")[-2:]] == [len(text)] * 2

    def test_after_a_cut_it_comes_back_by_itself_and_misses_nothing(self, reader, proxy, ann, chat, provider):
        reply_id = begin(ann, chat, "hello", HELD)
        reader.do("open", url=f"{proxy.url}/api/replies/{reply_id}/stream")
        cut_after_the_beginning(reader, proxy, provider)
        assert read_to_end(reader) == expected_text(HELD, [])
        assert reader.all("from") == [None, f"{len(BEGINNING)}.0"]

    def test_a_failure_is_an_event_named_error_with_its_reason(self, reader, site, ann, chat):
        reply_id = say(ann, chat, "hello", "scripted-cut:3").reply_id
        reader.do("open", url=f"{site.url}/api/replies/{reply_id}/stream")
        assert read_to_end(reader) == "w0 w1 w2 "
        assert reader.told[-1]["end"] == "error"
        assert reader.told[-1]["about"]["error"]["code"] == "UPSTREAM_INTERRUPTED"


class TestFetchEventSource:
    def test_a_send_that_is_cut_goes_on_where_it_was_and_is_not_posted_twice(self, reader, proxy, ann, chat, provider):
        """It repeats its POST with Last-Event-ID; the message's id says that it is the same one."""
        text = unique()
        body = {"messages": [{"id": "m-1", "role": "user", "content": text}], "model": HELD}
        reader.do("post", url=f"{proxy.url}/api/chats/{chat}/stream", body=body)
        cut_after_the_beginning(reader, proxy, provider)
        assert read_to_end(reader) == expected_text(HELD, [])
        assert reader.all("from")[0] is None
        assert set(reader.all("from")[1:]) == {f"{len(BEGINNING)}.0"}
        assert [told["replayed"] for told in reader.told if "asked" in told] == [None, "true"]
        assert len(asked(provider, text)) == 1
        assert [message["content"] for message in messages_of(ann, chat)] == [text, expected_text(HELD, [])]
