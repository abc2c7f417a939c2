"""The clock that tests measure promises on: it leaves out what the machine kept them waiting for, and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.patience import Stopwatch
from tests.support.processes import wait_until

BUSY = "import time; until = time.monotonic() + 1\nwhile time.monotonic() < until: pass"

pytestmark = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel counts no run delays")


def test_programs_that_wait_for_one_another_s_processor_are_not_late():
    processor = min(os.sched_getaffinity(0))
    watch = Stopwatch()
    programs = [
        subprocess.Popen([sys.executable, "-c", BUSY], preexec_fn=lambda: os.sched_setaffinity(0, {processor}))  # noqa: PLW1509
        for _ in range(3)
    ]
    time.sleep(0.9)
    took, wall = watch.seconds, watch.wall_seconds
    for program in programs:
        program.wait()
    assert took < wall / 2


def test_who_waits_for_something_else_than_a_processor_is_late():
    watch = Stopwatch()
    with pytest.raises(AssertionError, match=r"Not within 0.2 s: a miracle"):
        wait_until(lambda: False, 0.2, "a miracle")
    assert watch.wall_seconds >= 0.2


def test_what_takes_ten_times_as_long_is_late_on_any_machine(monkeypatch):
    delays = iter([[("thread", 0)], [("thread", 10**12)]])
    monkeypatch.setattr("tests.support.patience._run_delays", lambda: next(delays))
    watch = Stopwatch()
    watch._began -= 20
    assert 2 <= watch.seconds < 3
