"""Final claims have one winner, and say what stands when they lose."""

import gevent
import pytest
import sqlalchemy as sa

from macrochat.replies.models import JournalRow, Reply, ReplyChunk
from macrochat.replies.writing import claims

FINAL = ("complete", "stopped", "failed", "interrupted")


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def row_of(desk, reply):
    with desk.store.engine.connect() as connection:
        return connection.execute(sa.select(Reply).where(Reply.id == reply)).first()


def reopen(desk, reply, status):
    return desk.store.transact(lambda connection: claims.reopen(connection, reply, status, desk.owner))


@pytest.mark.parametrize("status", FINAL)
def test_a_claim_stores_the_whole_text_and_its_length(desk, status):
    reply, text = desk.reply(), "Grüße 👋🏽".encode()
    desk.commit((reply, 0, text))
    desk.fold()
    assert desk.finish(reply, 0, text, status)
    assert desk.content(reply).encode() == text
    assert (row_of(desk, reply).status, row_of(desk, reply).bytes) == (status, len(text))
    assert desk.count(ReplyChunk) == 0
    assert row_of(desk, reply).finished_at is not None


@pytest.mark.parametrize("second", FINAL)
def test_a_final_status_never_changes(desk, second):
    reply = desk.reply()
    desk.finish(reply, 0, b"hello", "stopped")
    before = row_of(desk, reply)
    assert not desk.finish(reply, 0, b"hello, world", second)
    assert row_of(desk, reply) == before
    assert desk.content(reply) == "hello"


def test_a_claim_whose_acknowledgement_was_lost_can_be_made_again(desk):
    reply = desk.reply()
    assert [desk.finish(reply, 0, b"hello") for _ in range(3)] == [True, False, False]
    assert desk.content(reply) == "hello"


def test_of_different_claims_at_once_one_wins(desk):
    for _ in range(5):
        reply = desk.reply()
        jobs = [gevent.spawn(desk.finish, reply, 0, status.encode(), status) for status in FINAL]
        [winner] = [status for status, job in zip(FINAL, jobs, strict=True) if job.get(timeout=60)]
        assert (row_of(desk, reply).status, desk.content(reply)) == (winner, winner)


def test_a_claim_of_another_worker_is_fenced(desk, new_desk):
    reply = desk.reply()
    assert not new_desk().finish(reply, 0, b"hello")
    assert (row_of(desk, reply).status, desk.content(reply)) == ("streaming", "")


def test_a_claim_of_a_deleted_reply_finds_nothing(desk):
    reply = desk.reply()
    desk.execute(sa.delete(Reply).where(Reply.id == reply))
    assert not desk.finish(reply, 0, b"hello")


def test_a_reply_that_goes_on_keeps_its_text_and_forgets_its_end(desk):
    reply = desk.reply()
    desk.finish(reply, 0, b"hello", "failed")
    assert reopen(desk, reply, "failed")
    row = row_of(desk, reply)
    assert (row.status, row.attempts, row.takeovers, row.error_code, row.finished_at) == ("streaming", 2, 0, None, None)
    assert desk.text(reply) == b"hello"
    desk.commit((reply, 5, b", world"))
    assert desk.text(reply) == b"hello, world"
    desk.finish(reply, 5, b", world")
    assert desk.content(reply) == "hello, world"


def test_of_two_who_make_a_reply_go_on_one_does(desk, new_desk):
    reply, other = desk.reply(), new_desk()
    desk.finish(reply, 0, b"hello", "stopped")
    jobs = [gevent.spawn(reopen, one, reply, "stopped") for one in (desk, other)]
    assert sorted(job.get(timeout=60) for job in jobs) == [False, True]


def test_a_reply_that_runs_is_not_made_to_go_on(desk):
    reply = desk.reply()
    assert not reopen(desk, reply, "stopped")
    assert desk.count(JournalRow) == 0
