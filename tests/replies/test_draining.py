"""SIGTERM: what can finish finishes, what cannot is handed over, nobody may begin, and nothing is lost (W14).

One deploy, played once; each test looks at a part of it.
"""

import signal
from types import SimpleNamespace

import gevent
import httpx2
import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import SCRIPTED, follow, messages_of, new_chat, question, send, status_of, when_final
from tests.support.answers import body_of
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]

SHORT, LONG = "scripted-words:60:50", "scripted-words:320:50"  # 3 s and 16 s
PLATFORM_KILLS = 30  # seconds after SIGTERM


@pytest.fixture(scope="module")
def deploy(shared_server, scripted):
    scripted.reset()
    server = shared_server(GUNICORN_CMD_ARGS="--name=draining", **SCRIPTED)
    person = server.client()
    chats = {model: new_chat(person) for model in (SHORT, LONG)}
    ended = {}

    def read(model):
        with send(person, chats[model], "hello", model) as body:
            body.to_end()
            ended[model] = since_sigterm.seconds, since_sigterm.wall_seconds
            return body

    readers = {model: gevent.spawn(read, model) for model in chats}
    idle = server.client()
    idle_chat = new_chat(idle)
    wait_until(lambda: all(messages_of(person, chat)[1:] for chat in chats.values()), what="both are being written")
    since_sigterm = Stopwatch()
    server.process.send(signal.SIGTERM)
    wait_until(lambda: not takes_requests(server), what="it drains")
    late = [try_to_send(idle, idle_chat), try_to_send(server.anonymous(cookies=idle.cookies), idle_chat)]
    bodies = {model: reader.get(timeout=100) for model, reader in readers.items()}
    code = server.process.process.wait(100)
    exited = since_sigterm.seconds
    server.start()
    back = server.client(person.email)
    return SimpleNamespace(
        person=back,
        chats=chats,
        bodies=bodies,
        late=late,
        code=code,
        exited=exited,
        ended=ended,
    )


def takes_requests(server):
    try:
        return httpx2.get(f"{server.url}/readyz", trust_env=False, timeout=30).status_code == 200
    except httpx2.TransportError:
        return False


def try_to_send(person, chat):
    """What a send gets: an error code of ours, or "refused" when nobody listens any more."""
    try:
        answer = person.post(f"/api/chats/{chat}/stream", json=question("too late"))
    except httpx2.TransportError:
        return "refused"
    return (
        body_of(answer)["code"] if answer.status_code == 503 and answer.headers["Retry-After"] else answer.status_code
    )


def test_a_reply_that_has_time_finishes_in_front_of_its_reader(deploy):
    body = deploy.bodies[SHORT]
    assert (body.data.decode(), body.cut) == (expected_text(SHORT, []), False)
    status = status_of(deploy.person, body.reply_id)
    assert (status["status"], status["attempts"]) == ("complete", 1)


def test_nobody_may_begin_any_more(deploy):
    assert set(deploy.late) <= {"SHUTTING_DOWN", "refused"}


def test_the_server_is_gone_before_the_platform_kills_it(deploy):
    assert deploy.code == 0
    assert deploy.exited < PLATFORM_KILLS - 5


def test_a_reply_that_has_no_time_is_cut_where_its_text_is_stored(deploy):
    body = deploy.bodies[LONG]
    assert body.cut
    assert expected_text(LONG, []).startswith(body.data.decode())
    assert len(body.data) > 200, "it was written for as long as there was time"
    seconds, wall_seconds = deploy.ended[LONG]
    assert seconds < 20
    assert wall_seconds > 10


def test_w14_it_goes_on_after_the_restart_to_the_same_bytes(deploy):
    seen, text = deploy.bodies[LONG], expected_text(LONG, []).encode()
    with follow(deploy.person, f"/replies/{seen.reply_id}/stream?offset={len(seen.data)}") as rest:
        assert seen.data + rest.to_end() == text
        assert not rest.cut
    status = when_final(deploy.person, seen.reply_id)
    assert (status["status"], status["attempts"]) == ("complete", 2)
    assert messages_of(deploy.person, deploy.chats[LONG])[1]["content"].encode() == text
