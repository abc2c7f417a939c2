"""Many replies of a lost worker: claimed a few at a time, the own lease renewed and everybody else served between."""

from types import SimpleNamespace

import gevent
import pytest

from macrochat.replies.writing import takeover
from macrochat.replies.writing.takeover import SLICE, Takeover

REPLIES = 3 * SLICE + 5


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def room(new_desk, monkeypatch):
    """As much of a worker as a sweep asks for. `taken` are the replies it was given, `events` what happened."""
    monkeypatch.setattr(takeover, "knows", lambda registry, model, provider: True)
    desk = new_desk()
    room = SimpleNamespace(
        store=desk.store,
        remote_logs=SimpleNamespace(engine=desk.store.engine),
        settings=SimpleNamespace(lease_seconds=5.0),
        lease=desk.lease,
        id=desk.owner,
        registered=True,
        draining=False,
        journal=SimpleNamespace(beside_older=False),
        generations={},
        taken=[],
        events=[],
    )
    room.renew_if_due = lambda: room.events.append("renew")
    return room


def sweep(worker):
    sweeping = Takeover(worker, app=None, registry=None)
    sweeping.take_over = lambda orphan: (worker.taken.append(orphan), worker.events.append("take"))
    sweeping.sweep()


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
    sweep(room)
    assert {orphan.reply_id: orphan.text for orphan in room.taken} == texts
    assert len(room.taken) == REPLIES
    assert {orphan.owner for orphan in room.taken} == {room.id}
    taken_in_a_row = "".join("t" if event == "take" else " " for event in room.events).split()
    assert max(map(len, taken_in_a_row)) <= SLICE
    sweep(room)
    assert len(room.taken) == REPLIES


def test_who_drains_meanwhile_leaves_the_rest_to_others(room, new_desk):
    lost(new_desk)
    room.renew_if_due = lambda: room.taken and setattr(room, "draining", True)
    sweep(room)
    assert len(room.taken) == SLICE


def test_two_who_sweep_at_once_share_them(room, new_desk):
    texts, other = lost(new_desk), new_desk()
    second = SimpleNamespace(**vars(room) | {"store": other.store, "id": other.owner, "lease": other.lease})
    second.remote_logs = SimpleNamespace(engine=other.store.engine)
    sweeps = [gevent.spawn(sweep, one) for one in (room, second)]
    gevent.joinall(sweeps, timeout=30, raise_error=True)
    sweep(room)  # what each passed by because the other had locked it
    assert sorted(orphan.reply_id for orphan in room.taken) == sorted(texts)
