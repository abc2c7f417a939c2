"""Many replies of a lost worker: claimed a few at a time, the own lease renewed and everybody else served between."""

import contextlib
from types import SimpleNamespace

import gevent
import pytest

from macrochat.replies.writing.takeover import SLICE, Takeover

REPLIES = 3 * SLICE + 5


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def room(new_desk):
    """As much of an engine room as a sweep asks for. `taken` are the replies it was given, `events` what happened."""
    desk = new_desk()
    room = SimpleNamespace(
        store=desk.store,
        tails=SimpleNamespace(engine=desk.store.engine),
        settings=SimpleNamespace(lease_seconds=5.0),
        worker_id=desk.owner,
        draining=False,
        app=SimpleNamespace(app_context=contextlib.nullcontext),
        knows=lambda model, provider: True,
        taken=[],
        events=[],
    )
    room.renew_if_due = lambda: room.events.append("renew")
    room.take_over = lambda orphan: (room.taken.append(orphan), room.events.append("take"))
    return room


def lost(new_desk):
    """A worker that has given up, with many replies; their texts by id."""
    desk = new_desk()
    texts = {desk.reply(): b"%d " % number for number in range(REPLIES)}
    for reply_id, text in texts.items():
        desk.commit((reply_id, 0, text))  # a row each: more than are folded at once
    desk.lease.give_up()
    return texts


def test_each_is_taken_once_with_its_text_and_the_lease_is_renewed_between(room, new_desk):
    texts = lost(new_desk)
    Takeover(room).sweep()
    assert {orphan.reply_id: orphan.text for orphan in room.taken} == texts
    assert len(room.taken) == REPLIES
    assert {orphan.owner for orphan in room.taken} == {room.worker_id}
    taken_in_a_row = "".join("t" if event == "take" else " " for event in room.events).split()
    assert max(map(len, taken_in_a_row)) <= SLICE
    Takeover(room).sweep()
    assert len(room.taken) == REPLIES


def test_who_drains_meanwhile_leaves_the_rest_to_others(room, new_desk):
    lost(new_desk)
    room.renew_if_due = lambda: room.taken and setattr(room, "draining", True)
    Takeover(room).sweep()
    assert len(room.taken) == SLICE


def test_two_who_sweep_at_once_share_them(room, new_desk):
    texts, other = lost(new_desk), new_desk()
    second = SimpleNamespace(**vars(room) | {"store": other.store, "worker_id": other.owner})
    second.tails = SimpleNamespace(engine=other.store.engine)
    sweeps = [gevent.spawn(Takeover(one).sweep) for one in (room, second)]
    gevent.joinall(sweeps, timeout=30, raise_error=True)
    Takeover(room).sweep()  # what each passed by because the other had locked it
    assert sorted(orphan.reply_id for orphan in room.taken) == sorted(texts)
