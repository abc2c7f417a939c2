"""What a provider says on its way into the database: it never keeps a reply from ending, nor its chat from going on.

Both databases: SQLite takes NUL and any length, PostgreSQL does not; neither takes half an emoji.
"""

import gevent
import pytest
import sqlalchemy as sa

from macrochat.providers.base import Usage
from macrochat.replies.writing import claims
from tests.replies.asking import messages_of, question, status_of, when_final
from tests.replies.hearing import hear, post
from tests.replies.puppet import Puppet
from tests.support.answers import data_of
from tests.support.registries import exchange_registry

WRONG_USAGE = [2**63, 2**31, -1, 1.5, "12", None, True, float("nan")]
WRONG_REASONS = {
    "half an emoji": ("stop\ud83d", "stop\ufffd"),
    "the other half": ("\ude00", "\ufffd"),
    "NUL": ("st\0op", "st\ufffdop"),  # opensanctions/poliloom#138
    "65 characters": ("x" * 65, "x" * 64),
    "64 emoji and more": ("😀" * 70, "😀" * 64),
    "a number": (7, None),
    "a list": (["stop"], None),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def app(run_app, request):
    with run_app(request.param) as app:
        registry = exchange_registry(app, Puppet())
        yield app
        exchange_registry(app, registry)


@pytest.fixture
def puppet(app):
    return app.extensions["macrochat.registry"]


def answer(alice, chat, puppet, *, reason="stop", usage=None):
    """Has the puppet say "Hello world" and end so; returns the body."""
    running = post(alice, chat, question("hello"))
    line = puppet.lines[-1]
    line.say("Hello world")
    line.usage = usage
    line.finish(reason)
    return hear(running)


@pytest.mark.parametrize("what", WRONG_REASONS)
def test_a_finish_reason_that_cannot_be_stored_is_cut_cleaned_or_left_out(alice, chat, puppet, what):
    said, stored = WRONG_REASONS[what]
    heard = answer(alice, chat, puppet, reason=said)
    assert (heard.data, heard.cut) == (b"Hello world", None)
    status = status_of(alice, heard.reply_id)
    assert (status["status"], status["finishReason"]) == ("complete", stored)
    assert answer(alice, chat, puppet).cut is None, "the chat goes on"


@pytest.mark.parametrize("tokens", WRONG_USAGE, ids=repr)
def test_a_number_of_tokens_that_is_none_is_left_out(alice, chat, puppet, tokens):
    heard = answer(alice, chat, puppet, usage=Usage(tokens, 7))
    assert heard.cut is None
    usage = status_of(alice, heard.reply_id)["usage"]
    assert {name: count for name, count in usage.items() if count is not None} == {
        "completionTokens": 7,
        "totalTokens": 7,
    }


def test_the_largest_number_that_is_stored_is_told(alice, chat, puppet):
    heard = answer(alice, chat, puppet, usage=Usage(2**31 - 1, 0))
    assert status_of(alice, heard.reply_id)["usage"]["promptTokens"] == 2**31 - 1


REFUSED = sa.exc.DataError("an UPDATE", None, Exception("value out of range"))


@pytest.fixture
def refusals(monkeypatch):
    """Claims that the database refuses: those for which `refusals.refuse(outcome, tail)` is true."""

    class Refusals:
        tried = 0

        def refuse(self, outcome, tail):
            return True

        def finish(self, connection, owner, reply_id, base, tail, outcome, first):
            if self.refuse(outcome, tail):
                self.tried += 1
                raise REFUSED
            return finish(connection, owner, reply_id, base, tail, outcome, first)

    finish, them = claims.finish, Refusals()
    monkeypatch.setattr(claims, "finish", them.finish)
    return them


def test_a_claim_that_the_database_refuses_ends_the_reply_as_failed_with_its_words(alice, chat, puppet, refusals):
    refusals.refuse = lambda outcome, _tail: outcome.status == "complete"
    heard = answer(alice, chat, puppet)
    assert heard.cut == "failed"
    status = status_of(alice, heard.reply_id)
    assert (status["status"], status["error"]["code"], status["bytes"]) == ("failed", "STORAGE_REFUSED", 11)
    assert refusals.tried <= 3
    assert messages_of(alice, chat)[-1]["content"] == "Hello world"


def test_words_that_cannot_be_stored_do_not_lock_the_chat_either(alice, chat, puppet, refusals):
    refusals.refuse = lambda _outcome, tail: tail.text != b""
    heard = answer(alice, chat, puppet)
    assert status_of(alice, heard.reply_id)["status"] == "failed"
    refusals.refuse = lambda _outcome, _tail: False
    assert answer(alice, chat, puppet).cut is None


def test_what_looks_like_an_outage_for_ever_while_the_lease_is_renewed_is_a_refusal(
    alice, chat, puppet, refusals, monkeypatch
):
    monkeypatch.setattr("macrochat.replies.writing.endings.OUTAGE_SECONDS", 0.5)
    monkeypatch.setattr(
        "tests.replies.test_what_a_provider_says.REFUSED", sa.exc.OperationalError("x", None, Exception())
    )
    refusals.refuse = lambda outcome, _tail: outcome.status == "complete"
    heard = answer(alice, chat, puppet)
    assert status_of(alice, heard.reply_id)["status"] == "failed"


def test_a_passing_outage_is_waited_out(alice, chat, puppet, refusals, monkeypatch):
    monkeypatch.setattr(
        "tests.replies.test_what_a_provider_says.REFUSED", sa.exc.OperationalError("x", None, Exception())
    )
    refusals.refuse = lambda _outcome, _tail: refusals.tried < 5
    heard = answer(alice, chat, puppet)
    assert (heard.cut, status_of(alice, heard.reply_id)["status"]) == (None, "complete")


def test_a_stop_while_the_end_is_refused_is_answered_and_the_reply_ends(alice, chat, puppet, refusals):
    refusals.refuse = lambda outcome, _tail: outcome.status == "complete"
    running = post(alice, chat, question("hello"))
    puppet.lines[-1].say("Hello")
    puppet.lines[-1].finish()
    gevent.sleep(0.05)
    reply_id = running.headers["X-Reply-Id"]
    data_of(alice.post(f"/api/replies/{reply_id}/stop"))
    assert when_final(alice, reply_id)["status"] == "failed"
    hear(running)
