"""Who counts as lost: by the database's clock, which may jump, and by what the others have seen of it meanwhile."""

import os
import subprocess
import uuid

import pytest
import sqlalchemy as sa

from macrochat.replies.journal import leases
from macrochat.replies.journal.leases import Lost, Watch
from macrochat.replies.models import Worker

LEASE = 5.0
HOUR = 3600.0


class Time:
    """A clock of the test's own: monotonic time, as the one who watches has it."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def other(new_desk):
    """A worker of another machine, whose process nobody here can see."""
    desk = new_desk(lease=LEASE)
    set_worker(desk, machine="elsewhere")
    return desk


@pytest.fixture
def watch(desk, time):
    """A function: so many seconds pass in looks of one second each; the workers that are lost at the last of them."""
    watch = Watch(LEASE, time)

    def look(seconds=0.0):
        for step in [1.0] * int(seconds) or [seconds]:
            time.now += step
            with desk.store.engine.connect() as connection:
                lost = watch.look(connection, desk.owner)
        return [one.worker_id for one in lost]

    return look


def set_worker(desk, **values):
    desk.execute(sa.update(Worker).where(Worker.id == desk.owner).values(values))


def jump(desk, seconds):
    """The database's clock jumps: what it wrote before is so much nearer or farther now."""
    desk.execute(sa.update(Worker).where(Worker.lease_until > 0).values(lease_until=Worker.lease_until - seconds))


def test_who_renews_is_never_lost(other, watch):
    for _ in range(20):
        assert watch(1) == []
        other.lease.renew()


def test_a_lease_that_is_over_and_was_not_renewed_meanwhile_is_lost(other, watch):
    assert watch() == []
    set_worker(other, lease_until=1)
    assert watch(1) == []
    assert watch(3) == [other.owner]


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_a_clock_that_jumps_costs_nobody_a_lease_who_renews(other, watch, seconds):
    watch(2)
    for _ in range(5):
        jump(other, seconds)
        assert watch(1) == []
        assert watch(1) == []
        other.lease.renew()
        assert watch(1) == []


def test_a_lease_that_a_jump_has_made_too_long_is_not_believed(other, watch):
    """The clock went back an hour and the worker died: its lease seems good for an hour."""
    watch(2)
    jump(other, -HOUR)
    assert watch(4) == [other.owner]


def test_a_long_lease_of_another_setting_is_believed_for_its_own_length(other, watch):
    other.lease._seconds = 60.0
    set_worker(other, lease_seconds=60.0)
    other.lease.renew()
    assert watch(10) == []


def test_a_row_of_an_older_version_is_believed_as_long_as_ones_own_lease(other, watch):
    set_worker(other, lease_seconds=None)
    assert watch(4) == []
    set_worker(other, lease_until=1)
    assert watch(4) == [other.owner]


def test_who_slept_itself_blames_nobody_for_the_time(other, watch, time):
    """The whole machine was suspended: when it goes on, every lease is over, and nobody had a chance to renew."""
    watch(2)
    set_worker(other, lease_until=1)
    time.now += 300
    assert watch() == []
    assert watch(3) == [other.owner]


def test_a_busy_process_of_this_machine_is_waited_for_longer(new_desk, watch):
    busy = new_desk(lease=LEASE)
    set_worker(busy, lease_until=1)
    if leases.MACHINE:
        assert watch(19) == []
    assert watch(3) == [busy.owner]


def test_a_stopped_process_of_this_machine_is_not_taken_for_a_busy_one(other, watch, monkeypatch):
    set_worker(other, lease_until=1, machine=leases.process_name())
    monkeypatch.setattr(leases, "process_life", lambda pid, started: "unknown")
    assert watch(4) == [other.owner]


def test_a_dead_process_of_this_machine_is_lost_at_once(other, watch):
    gone = subprocess.Popen(["true"])
    gone.wait()
    set_worker(other, machine=leases.process_name(), pid=gone.pid)
    assert watch() == ([other.owner] if leases.MACHINE else [])
    set_worker(other, machine="elsewhere")
    assert watch() == [], "its number says nothing on another machine"


def test_a_process_that_has_got_the_number_of_a_dead_one_is_not_taken_for_it(other, watch):
    """A container that starts again has the same numbers, and sometimes the same namespace's."""
    if not leases.MACHINE:
        pytest.skip("not Linux")
    set_worker(other, machine=f"{leases.MACHINE} 1", pid=os.getpid())
    assert watch() == [other.owner]


def test_a_killed_process_that_nobody_has_buried_is_gone():
    if not leases.MACHINE:
        pytest.skip("not Linux")
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert leases.process_life(child.pid, leases._stat(child.pid)[1]) == "gone"
    child.wait()
    assert leases.process_life(os.getpid(), leases._stat(os.getpid())[1]) == "runs"


def test_who_gives_up_or_is_fenced_is_lost_at_once(other, new_desk, watch):
    fenced = new_desk(lease=LEASE)
    set_worker(fenced, fenced=True)
    other.lease.give_up()
    assert sorted(watch()) == sorted([other.owner, fenced.owner])


def test_a_renewal_between_the_look_and_the_fence_wins(desk, other):
    from macrochat.replies.writing.recovery import fence

    set_worker(other, lease_until=1)
    other.lease.renew()
    assert not fence(desk.store, desk.owner, Lost(other.owner, 1.0))
    other.lease.renew()


def test_a_short_lease_is_renewed_several_times_in_its_length(new_desk):
    assert new_desk(lease=1).lease.renew_every <= 0.2
    assert new_desk(lease=60).lease.renew_every == 1.0


def test_who_was_fenced_takes_nothing_more(desk, other):
    from macrochat.replies.journal.store import Fenced
    from macrochat.replies.writing.recovery import claim, fence

    reply = other.reply()
    desk.execute(sa.update(Worker).where(Worker.id == desk.owner).values(fenced=True))
    with pytest.raises(Fenced):
        fence(desk.store, desk.owner, Lost(other.owner, 1.0))
    other.execute(sa.delete(Worker).where(Worker.id == other.owner))
    with pytest.raises(Fenced):
        claim(desk.store, desk.owner, [reply])
    with pytest.raises(Fenced):
        claim(desk.store, uuid.uuid4(), [reply])
