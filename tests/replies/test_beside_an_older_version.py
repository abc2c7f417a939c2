"""A rolling deploy from the version before traces: workers of both on one database, one of them killed at the worst time."""

import subprocess

import httpx2
import pytest

from macrochat.providers.scripted import expected_text, expected_thought
from tests.replies.asking import SCRIPTED, begin, messages_of, new_chat, say, status_of, unique, when_final
from tests.support.events import parts_of_message
from tests.support.processes import ROOT, wait_until

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

BEFORE_TRACES = "bbd73f5e31"  # the last commit without them
MODEL = "scripted-thinks:40:50:40:50"
THOUGHT, TEXT = expected_thought(MODEL), expected_text(MODEL, [])


@pytest.fixture(scope="module")
def older_code(tmp_path_factory):
    """A folder with the version before; a clone without its history cannot tell."""
    folder = tmp_path_factory.mktemp("older")
    archive = subprocess.run(["git", "archive", BEFORE_TRACES], cwd=ROOT, capture_output=True)
    if archive.returncode != 0:
        pytest.skip(f"this clone does not have commit {BEFORE_TRACES}")
    subprocess.run(["tar", "x"], cwd=folder, input=archive.stdout, check=True)
    return folder


@pytest.fixture
def kind():
    return "postgresql"


@pytest.fixture
def pair(kind, databases, server, scripted, older_code):
    """(newer, older): two servers on one database of the newer schema. The older one is there first."""
    scripted.reset()
    url = databases(kind).create()
    older = server(database=url, **SCRIPTED)
    older.stop()
    older.process.cwd = older_code
    older.start()
    return server(database=url, **SCRIPTED), older


def signed_in(servers):
    """The same person at each."""
    first = servers[0].client(limits=httpx2.Limits(max_keepalive_connections=0))
    return first, *(one.client(first.email) for one in servers[1:])


def test_each_reads_what_the_other_has_written(pair):
    at_newer, at_older = signed_in(pair)
    for writer in (at_newer, at_older):
        chat = new_chat(writer)
        reply_id = say(writer, chat, "hello", MODEL).reply_id
        for reader in (at_newer, at_older):
            assert status_of(reader, reply_id)["status"] == "complete"
            assert messages_of(reader, chat)[-1]["content"] == TEXT
        shown = parts_of_message(messages_of(at_newer, chat)[-1])
        assert shown == ([("reasoning", THOUGHT)] if writer is at_newer else []) + [("text", TEXT)]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_older_one_goes_on_for_the_newer_one_and_no_thought_that_was_seen_is_lost(pair):
    (newer, _older), (at_newer, at_older) = pair, signed_in(pair)
    chat = new_chat(at_newer)
    reply_id = begin(at_newer, chat, unique(), MODEL)
    wait_until(lambda: status_of(at_newer, reply_id)["trace"]["bytes"] > 300, what="some thoughts")
    seen = messages_of(at_newer, chat)[-1]["parts"][0]["text"]
    newer.kill()
    assert when_final(at_older, reply_id, 60)["status"] == "complete"
    newer.start()
    told = parts_of_message(messages_of(at_newer, chat)[-1])
    assert told[0][0] == "reasoning"
    assert told[0][1].startswith(seen)
    assert told[-1] == ("text", TEXT)
    assert status_of(at_newer, reply_id)["trace"]["bytes"] > 0


def test_the_older_one_goes_on_in_mid_answer(pair):
    (newer, _older), (at_newer, at_older) = pair, signed_in(pair)
    chat = new_chat(at_newer)
    reply_id = begin(at_newer, chat, unique(), MODEL)
    wait_until(lambda: status_of(at_newer, reply_id)["bytes"] > 20, what="some words")
    newer.kill()
    assert when_final(at_older, reply_id, 60)["status"] == "complete"
    newer.start()
    assert parts_of_message(messages_of(at_newer, chat)[-1]) == [("reasoning", THOUGHT), ("text", TEXT)]


def test_the_newer_one_goes_on_for_the_older_one(pair):
    (_newer, older), (at_newer, at_older) = pair, signed_in(pair)
    chat = new_chat(at_older)
    reply_id = begin(at_older, chat, unique(), MODEL, size=20)
    older.kill()
    assert when_final(at_newer, reply_id, 60)["status"] == "complete"
    assert messages_of(at_newer, chat)[-1]["content"] == TEXT


def test_what_the_older_one_has_ended_is_continued_with_its_thoughts(pair):
    (newer, _older), (at_newer, at_older) = pair, signed_in(pair)
    chat = new_chat(at_newer)
    reply_id = begin(at_newer, chat, unique(), MODEL)
    wait_until(lambda: status_of(at_newer, reply_id)["bytes"] > 20, what="some words")
    newer.kill()
    wait_until(lambda: status_of(at_older, reply_id)["attempts"] == 2, 20, "taken over")
    assert at_older.post(f"/api/replies/{reply_id}/stop").status_code == 200
    newer.start()
    with at_newer.stream("POST", f"/api/replies/{reply_id}/continue") as answer:
        answer.read()
    assert parts_of_message(messages_of(at_newer, chat)[-1]) == [("reasoning", THOUGHT), ("text", TEXT)]
