"""Workers that are killed while a model thinks, and while it answers: what was seen stays, and what is told is one."""

import contextlib
import uuid

import gevent
import httpx2
import pytest
import sqlalchemy as sa

from macrochat.providers.scripted import expected_text, expected_thought
from tests.replies.asking import begin, follow, messages_of, new_chat, status_of, unique, when_final
from tests.support.events import events, parts_of, parts_of_message
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

pytestmark = pytest.mark.timeout(180)

EVENTS = "text/event-stream"
MODEL = "scripted-thinks:40:50:40:50"  # thinks for 2 s, speaks for 2 s
THOUGHT, TEXT = expected_thought(MODEL), expected_text(MODEL, [])
OWNER = sa.text("SELECT pid FROM workers JOIN replies ON replies.owner = workers.id WHERE replies.id = :id").bindparams(
    sa.bindparam("id", type_=sa.Uuid)
)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def eve(crew, sign_up):
    return sign_up(crew, limits=httpx2.Limits(max_keepalive_connections=0))


@pytest.fixture
def pid_of(crew):
    engine = sa.create_engine(crew.database_url.replace("postgresql:", "postgresql+psycopg2:"))

    def ask(query, **values):
        with engine.connect() as connection:
            return connection.execute(query, values).scalar()

    wait_until(lambda: ask(sa.text("SELECT count(*) FROM workers")) == 2, 30, "two workers")
    yield lambda reply_id: ask(OWNER, id=uuid.UUID(reply_id))
    engine.dispose()


def read_whole(person, reply_id):
    """All events, as a page reads them: after each cut it comes back with its cursor."""
    found, watch = [], Stopwatch()
    while watch.seconds < 60:
        cursor = found[-1].id if found else "0.0"
        data = b""
        with (
            contextlib.suppress(httpx2.TransportError),
            follow(person, f"/replies/{reply_id}/stream?cursor={cursor}", Accept=EVENTS) as body,
        ):
            if body.status_code == 200:
                try:
                    body.to_end()
                finally:
                    data = body.data
        found += events(data)
        if found and found[-1].name in ("done", "error"):
            return found
        gevent.sleep(0.1)
    raise AssertionError(f"reply {reply_id} did not end: {found[-3:]}")


def check(person, chat, reply_id, live):
    """The parts are the same live, over the API, and to somebody who comes later. Returns them."""
    status = when_final(person, reply_id, 60)
    assert (status["status"], status["bytes"]) == ("complete", len(TEXT))
    assert live[-1].cursor == (status["bytes"], status["trace"]["bytes"])
    told = parts_of(live)
    assert parts_of_message(messages_of(person, chat)[-1]) == told
    assert parts_of(read_whole(person, reply_id)) == told
    return told


def test_killed_in_mid_thought(eve, crew, pid_of):
    chat = new_chat(eve)
    reply_id = begin(eve, chat, unique(), MODEL)
    reading = gevent.spawn(read_whole, eve, reply_id)
    wait_until(lambda: status_of(eve, reply_id)["trace"]["bytes"] > 300, what="some thoughts")
    crew.kill_worker(pid_of(reply_id))
    first, seam, second, answer = check(eve, chat, reply_id, reading.get(timeout=120))
    assert first[0] == "reasoning"
    assert THOUGHT.startswith(first[1])
    assert 0 < len(first[1]) < len(THOUGHT)
    assert (seam, second, answer) == (("restart", ""), ("reasoning", THOUGHT), ("text", TEXT))


def test_killed_in_mid_answer(eve, crew, pid_of):
    chat = new_chat(eve)
    reply_id = begin(eve, chat, unique(), MODEL)
    reading = gevent.spawn(read_whole, eve, reply_id)
    wait_until(lambda: status_of(eve, reply_id)["bytes"] > 20, what="some words")
    crew.kill_worker(pid_of(reply_id))
    assert check(eve, chat, reply_id, reading.get(timeout=120)) == [("reasoning", THOUGHT), ("text", TEXT)]


def test_killed_while_somebody_cannot_wait(eve, crew, pid_of, provider):
    chat = new_chat(eve)
    reply_id = begin(eve, chat, unique(), "gpt-5/scripted-thinks-hold:3:6")
    wait_until(lambda: status_of(eve, reply_id)["trace"]["bytes"], what="some thoughts")
    assert eve.post(f"/api/replies/{reply_id}/answer-now").status_code == 200
    wait_until(lambda: len(provider.requests) == 2, what="asked to answer now")
    crew.kill_worker(pid_of(reply_id))
    wait_until(lambda: status_of(eve, reply_id)["attempts"] == 2, 20, "taken over")
    provider.release()
    assert when_final(eve, reply_id, 60)["status"] == "complete"
    assert [request["body"].get("reasoning_effort") for request in provider.requests] == [None, "minimal", "minimal"]
