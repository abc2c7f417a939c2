"""Leases, fences and the sweep: a dead worker's replies go to exactly one other, with every committed byte."""

import os
import uuid

import gevent
import pytest
import sqlalchemy as sa

from macrochat.replies.journal import leases
from macrochat.replies.journal.store import Fenced, hold_lease
from macrochat.replies.models import JournalRow, Reply, ReplyChunk, Worker
from macrochat.replies.writing import recovery
from tests.support.processes import wait_until


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def value_of(desk, column, key):
    with desk.store.engine.connect() as connection:
        return connection.execute(sa.select(column).where(key)).scalar()


def test_a_living_worker_keeps_its_replies(desk, new_desk):
    reply = desk.reply()
    desk.commit((reply, 0, b"hello"))
    assert new_desk().sweep() == []
    assert value_of(desk, Reply.owner, Reply.id == reply) == desk.owner
    desk.commit((reply, 5, b", world"))
    assert desk.text(reply) == b"hello, world"


def test_a_dead_worker_s_replies_go_over_with_all_their_text(desk, new_desk):
    reply, other = desk.reply(), new_desk()
    desk.commit((reply, 0, b"folded, "))
    desk.fold()
    desk.commit((reply, 8, b"not folded"))
    desk.sleep()
    [orphan] = other.sweep()
    assert (orphan.reply_id, orphan.text, orphan.takeovers, orphan.stop_requested) == (
        reply,
        b"folded, not folded",
        1,
        False,
    )
    assert value_of(other, Reply.owner, Reply.id == reply) == other.owner
    assert value_of(other, Worker.id, Worker.id == desk.owner) is None
    assert other.content(reply) == "folded, not folded"
    assert (other.count(JournalRow), other.count(ReplyChunk)) == (0, 0)


def test_only_running_replies_go_over(desk, new_desk):
    final, running = desk.reply(), desk.reply()
    desk.finish(final, 0, b"done")
    desk.sleep()
    other = new_desk()
    assert [orphan.reply_id for orphan in other.sweep()] == [running]
    assert other.text(final) == b"done"


def test_a_worker_that_gives_up_is_relieved_at_once_and_it_does_not_count(desk, new_desk):
    desk.reply()
    desk.lease.give_up()
    [orphan] = new_desk().sweep()
    assert orphan.takeovers == 0


def test_every_takeover_counts_until_somebody_asks_again(desk, new_desk):
    reply = desk.reply()
    for number in (1, 2, 3):
        desk.sleep()
        desk = new_desk()
        [orphan] = desk.sweep()
        assert (orphan.reply_id, orphan.takeovers) == (reply, number)
    assert value_of(desk, Reply.attempts, Reply.id == reply) == 4


def test_a_wish_to_stop_goes_over_too(desk, new_desk):
    reply = desk.reply()
    desk.execute(sa.update(Reply).where(Reply.id == reply).values(stop_requested=True))
    desk.sleep()
    [orphan] = new_desk().sweep()
    assert orphan.stop_requested


def test_a_renewed_lease_holds(new_desk):
    desk, other = new_desk(lease=60), new_desk()
    desk.sleep()
    desk.lease.renew()
    desk.reply()
    assert other.sweep() == []


def test_a_fenced_worker_can_do_nothing_more(desk, new_desk):
    reply = desk.reply()
    desk.commit((reply, 0, b"hello"))
    desk.sleep()
    new_desk().sweep()
    with pytest.raises(Fenced):
        desk.commit((reply, 5, b", world"))
    with pytest.raises(Fenced):
        desk.lease.renew()
    assert not desk.finish(reply, 0, b"hello, world")
    with pytest.raises(Fenced):
        desk.store.transact(lambda connection: hold_lease(connection, desk.owner))
    assert desk.text(reply) == b"hello"


def test_a_retry_of_a_commit_after_the_fence_is_no_success(desk, new_desk):
    """Its row was stored, then folded away by whoever took over: the worker must not show it as its own."""
    reply, other = desk.reply(), new_desk()
    seq = desk.commit((reply, 0, b"hello"))
    desk.sleep()
    other.sweep()
    with pytest.raises(Fenced):
        desk.store.commit(desk.owner, seq, [(reply.bytes, 0, b"hello")])
    assert other.text(reply) == b"hello"


def test_the_same_row_twice_is_stored_once(desk):
    reply = desk.reply()
    entries = [(reply.bytes, 0, b"hello")]
    for _ in range(3):
        desk.store.commit(desk.owner, 1, entries)
    assert (desk.count(JournalRow), desk.text(reply)) == (1, b"hello")


def test_of_many_who_sweep_at_once_one_wins_each_reply(desk, new_desk):
    replies = {desk.reply() for _ in range(10)}
    for reply in replies:
        desk.commit((reply, 0, b"hello"))
    others = [new_desk() for _ in range(4)]
    desk.sleep()
    sweeps = [gevent.spawn(other.sweep) for other in others for _ in range(2)]
    orphans = [orphan for sweep in sweeps for orphan in sweep.get(timeout=60)]
    orphans += others[0].sweep()  # each passes by what another has just locked
    assert sorted(orphan.reply_id for orphan in orphans) == sorted(replies)
    assert {orphan.text for orphan in orphans} == {b"hello"}
    assert {value_of(desk, Reply.attempts, Reply.id == reply) for reply in replies} == {2}


def test_what_was_acknowledged_before_a_fence_is_in_the_orphan_and_nothing_after_it_is_acknowledged(new_desk):
    """Commits and fences race: they have to queue on the worker's row."""
    for _ in range(8):
        desk, other = new_desk(), new_desk()
        reply = desk.reply()

        acknowledged = []

        def write(desk=desk, reply=reply, acknowledged=acknowledged):
            while True:
                written = 10 * len(acknowledged)
                try:
                    desk.commit((reply, written, b"x" * 10))
                except Fenced:
                    return written
                acknowledged.append(written)
                gevent.sleep(0)

        writer = gevent.spawn(write)
        wait_until(lambda acknowledged=acknowledged: acknowledged)
        desk.sleep()
        [orphan] = wait_until(other.sweep)  # a sweep passes by a worker that is just committing
        assert len(orphan.text) == writer.get(timeout=30) > 0
        assert other.text(reply) == orphan.text


def test_a_reply_whose_worker_has_no_row_is_not_lost(desk, new_desk):
    reply = desk.reply()
    desk.execute(sa.update(Reply).where(Reply.id == reply).values(owner=uuid.uuid4()))
    assert [orphan.reply_id for orphan in new_desk().sweep()] == [reply]


def test_a_worker_names_its_machine_and_process(desk):
    machine = value_of(desk, Worker.machine, Worker.id == desk.owner)
    assert (machine, value_of(desk, Worker.pid, Worker.id == desk.owner)) == (leases.process_name(), os.getpid())


def test_a_reply_of_its_own_that_nobody_writes_is_adopted_once_and_a_final_one_never(desk):
    stray, final = desk.reply(), desk.reply()
    desk.commit((stray, 0, b"hello"))
    desk.fold()
    desk.commit((stray, 5, b", not folded"))
    desk.finish(final, 0, b"done")
    orphan = recovery.adopt(desk.store, desk.owner, stray)
    assert (orphan.reply_id, orphan.owner, orphan.text) == (stray, desk.owner, b"hello, not folded")
    assert recovery.adopt(desk.store, desk.owner, final) is None
    with pytest.raises(Fenced):
        recovery.adopt(desk.store, uuid.uuid4(), stray)
