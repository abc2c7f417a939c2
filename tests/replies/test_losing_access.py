"""Followers of what was deleted, and of whom was signed out, end within 5 s with a cut body (promise 7)."""

import gevent
import httpx2
import pytest
from gevent.event import Event

from tests.replies.asking import asked, begin, follow, new_chat, send, status_of, unique
from tests.support import servers
from tests.support.answers import data_of
from tests.support.patience import Stopwatch
from tests.support.processes import wait_until
from tests.support.servers import PASSWORD

SECONDS = 5


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def reply_id(ann):
    """A reply that runs on, of which nine bytes are there."""
    return begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)


def read_until_cut(person, reply_id, at, begun):
    with follow(person, f"/replies/{reply_id}/stream", at=at) as body:
        body.until(9)
        begun.set()
        body.to_end()
        assert (body.data, body.cut) == (b"w0 w1 w2 ", True)


def readers(person, reply_id, *servers_):
    """Somebody reads at each of the servers, and has the first bytes."""
    jobs = []
    for one in servers_:
        begun = Event()
        jobs.append(gevent.spawn(read_until_cut, person, reply_id, one.url, begun))
        assert begun.wait(30)
    return jobs


def all_end(jobs):
    wait_until(lambda: all(job.dead for job in jobs), SECONDS, "all readers' ends")
    gevent.joinall(jobs, raise_error=True)


def test_a_deleted_chat_takes_its_readers_along(ann, here, there, reply_id):
    jobs = readers(ann, reply_id, here, there)
    ann.delete(f"/api/chats/{status_of(ann, reply_id)['chatId']}")
    all_end(jobs)


def test_a_deleted_account_takes_its_readers_along(here, there, sign_up, provider):
    person, text = here.client(), unique()
    reply_id = begin(person, new_chat(person), text, "scripted-hold:3", size=9)
    jobs = readers(person, reply_id, here, there)
    data = {"password": servers.PASSWORD}
    assert person.request("DELETE", f"{there.url}/api/users/me", json=data).status_code == 200
    all_end(jobs)
    wait_until(lambda: asked(provider, text)[0]["how"] == "client_closed", 3, "the provider is let go")


def test_a_signed_out_browser_stops_reading_and_another_goes_on(here, there, sign_up, reply_id, ann, provider):
    other = here.client(ann.email)
    jobs = readers(other, reply_id, here, there)
    with follow(ann, f"/replies/{reply_id}/stream") as mine:
        assert other.post("/api/auth/logout").status_code == 200
        all_end(jobs)
        provider.release()
        mine.to_end()
        assert (len(mine.data) > 9, mine.cut) == (True, False)


def test_signing_out_everywhere_ends_every_reader(ann, here, there, reply_id):
    jobs = readers(ann, reply_id, here, there)
    assert ann.post("/api/auth/logout-all").status_code == 200
    all_end(jobs)


def test_a_revoked_key_stops_reading(ann, here, there, reply_id):
    key = data_of(ann.post("/api/keys", json={"name": "reader", "password": PASSWORD}), 201)
    with here.anonymous(headers={"X-API-KEY": key["key"]}) as program:
        jobs = readers(program, reply_id, here, there)
        assert ann.delete(f"/api/keys/{key['id']}").status_code == 200
        all_end(jobs)
        assert program.get(f"/api/replies/{reply_id}").status_code == 401


def test_a_reader_that_hangs_up_takes_nothing_along(ann, reply_id, provider):
    with follow(ann, f"/replies/{reply_id}/stream") as stays:
        with follow(ann, f"/replies/{reply_id}/stream") as goes:
            goes.until(9)
        with pytest.raises(httpx2.ReadTimeout):
            ann.get(f"/api/replies/{reply_id}/stream", timeout=httpx2.Timeout(30, read=1))
        provider.release()
        stays.to_end()
        assert not stays.cut


def test_the_sender_s_body_is_cut_when_the_chat_goes(ann):
    chat = new_chat(ann)
    with send(ann, chat, "hello", "scripted-hold:3") as body:
        body.until(9)
        ann.delete(f"/api/chats/{chat}")
        watch = Stopwatch()
        body.to_end()
        assert body.cut
        assert watch.seconds < SECONDS
