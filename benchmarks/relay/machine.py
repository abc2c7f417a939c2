"""This machine: which core is whose, how many descriptors, and what a tree of processes used (Linux)."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cores:
    """The relay and all it needs has the first cores, upstream and client have the last one."""

    relay: frozenset[int]
    load: frozenset[int]

    @classmethod
    def shared(cls, relays: int = 1) -> Cores:
        free = sorted(os.sched_getaffinity(0))
        return cls(frozenset(free[:relays]), frozenset(free[-1:]))


@contextlib.contextmanager
def pinned(cores: frozenset[int]) -> Iterator[None]:
    """What is started inside runs on these cores, and so does all that it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit(wanted: int = 65536) -> int:
    """A stream is two descriptors here. Returns the limit that holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def tree(roots: Iterable[int]) -> list[int]:
    """The processes and all their descendants."""
    found: list[int] = []
    for root in roots:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [root, *(child.pid for child in psutil.Process(root).children(recursive=True))]
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that their living threads have had, to the nanosecond where the kernel counts so."""
    return sum(_cpu_of(pid) for pid in pids)


def memory_kb(pids: Iterable[int]) -> int:
    """Proportional set size: shared pages count once, divided among those who share them."""
    return sum(_pss_of(pid) for pid in pids)


def describe() -> str:
    """For a report: processor, cores, memory, kernel, Python."""
    processor = next((line.partition(": ")[2] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = round(psutil.virtual_memory().total / 2**30)
    return (
        f"{processor or platform.machine()}, {os.cpu_count()} cores, {memory} GB; "
        f"Linux {platform.release().partition('-')[0]}, Python {platform.python_version()}"
    )


def _cpu_of(pid: int) -> float:
    nanoseconds, seen = 0, False
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                nanoseconds += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
                seen = True
    if seen:
        return nanoseconds / 1e9
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK
    return 0.0


def _pss_of(pid: int) -> int:
    for line in _lines(f"/proc/{pid}/smaps_rollup"):
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
