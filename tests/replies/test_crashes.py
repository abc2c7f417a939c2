"""Real workers that are killed, put to sleep and switched off in mid-sentence; readers come back and miss nothing."""

import contextlib
import os
import signal
import uuid

import gevent
import httpx2
import pytest
import sqlalchemy as sa

from macrochat.providers.scripted import expected_text
from tests.replies.asking import asked, begin, follow, messages_of, new_chat, status_of, unique, when_final
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(120)

MODEL = "scripted-words:200:10"  # 2 s
HELD = "scripted-hold:20:200"  # the same text, of which most waits to be released
TEXT = expected_text(MODEL, []).encode()
NOTICED = 10  # seconds in which a crash must be noticed; a lease is 5
OWNER = sa.text("SELECT pid FROM workers JOIN replies ON replies.owner = workers.id WHERE replies.id = :id").bindparams(
    sa.bindparam("id", type_=sa.Uuid)
)


@pytest.fixture
def eve(crew, sign_up):
    """Somebody whose every request is a connection of its own: none waits in a worker that sleeps."""
    return sign_up(crew, limits=httpx2.Limits(max_keepalive_connections=0))


@pytest.fixture
def pid_of(crew):
    """A function: the process that writes a reply. Both workers are there: an earlier test may have killed one."""
    engine = sa.create_engine(crew.database_url.replace("postgresql:", "postgresql+psycopg2:"))

    def ask(query, **values):
        with engine.connect() as connection:
            return connection.execute(query, values).scalar()

    wait_until(lambda: ask(sa.text("SELECT count(*) FROM workers")) == 2, 30, "two workers")
    yield lambda reply_id: ask(OWNER, id=uuid.UUID(reply_id))
    engine.dispose()


def read_whole(person, reply_id):
    """Reads as a client should: after a cut it comes back with the offset. Returns the text and how often it was cut."""
    text, cuts, watch = b"", -1, Stopwatch()
    while watch.seconds < 30:
        cuts += 1
        with (
            contextlib.suppress(httpx2.TransportError),
            follow(person, f"/replies/{reply_id}/stream?offset={len(text)}") as body,
        ):
            if body.status_code == 200:
                text += body.to_end()
                if not body.cut:
                    return text, cuts
        gevent.sleep(0.1)
    raise AssertionError(f"reply {reply_id} did not end: {text!r}")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_worker_s_replies_go_on_and_no_byte_is_lost_or_doubled(eve, crew, pid_of, provider):
    text = unique()
    replies = {}
    for model in [MODEL] * 4 + [HELD]:
        chat = new_chat(eve)
        replies[begin(eve, chat, text, model, size=20)] = chat
    readers = {reply_id: gevent.spawn(read_whole, eve, reply_id) for reply_id in replies}
    gevent.sleep(0.2)
    held = next(reversed(replies))
    crew.kill_worker(pid_of(held))
    wait_until(lambda: status_of(eve, held)["attempts"] == 2, NOTICED, "taken over")
    provider.release()
    attempts = []
    for reply_id, chat in replies.items():
        assert readers[reply_id].get(timeout=100)[0] == TEXT
        status = when_final(eve, reply_id)
        assert (status["status"], status["bytes"]) == ("complete", len(TEXT))
        assert messages_of(eve, chat)[1]["content"].encode() == TEXT
        attempts.append(status["attempts"])
    assert set(attempts) <= {1, 2}
    assert len(asked(provider, text)) == sum(attempts)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_worker_that_sleeps_through_its_lease_wakes_up_and_harms_nothing(eve, pid_of, provider):
    text, chat = unique(), new_chat(eve)
    reply_id = begin(eve, chat, text, HELD, size=20)
    sleeper = pid_of(reply_id)
    os.kill(sleeper, signal.SIGSTOP)
    try:
        wait_until(lambda: pid_of(reply_id) not in (sleeper, None), NOTICED, "taken over")
        provider.release()
        assert read_whole(eve, reply_id)[0] == TEXT
    finally:
        os.kill(sleeper, signal.SIGCONT)
    gevent.sleep(1.5)
    status = status_of(eve, reply_id)
    assert (status["status"], status["attempts"], status["bytes"]) == ("complete", 2, len(TEXT))
    assert messages_of(eve, chat)[1]["content"].encode() == TEXT
    assert len(asked(provider, text)) == 2
    for _ in range(6):  # whichever worker answers
        assert read_whole(eve, begin(eve, new_chat(eve), "hello", "scripted-words:3", size=3))[0] == b"w0 w1 w2 "


def test_after_a_power_cut_replies_go_on_when_the_server_is_back(eve, crew, provider):
    chat = new_chat(eve)
    reply_id = begin(eve, chat, "hello", MODEL, size=20)
    reading = gevent.spawn(read_whole, eve, reply_id)
    gevent.sleep(0.3)
    crew.kill()
    crew.start()
    text, cuts = reading.get(timeout=100)
    assert (text, cuts > 0) == (TEXT, True)
    status = status_of(eve, reply_id)
    assert (status["status"], status["attempts"]) == ("complete", 2)
    assert messages_of(eve, chat)[1]["content"].encode() == TEXT
