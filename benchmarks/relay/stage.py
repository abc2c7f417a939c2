"""Starts what is measured and ends it, whatever happens."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.relay.load import Load
from benchmarks.relay.machine import Cores, raise_file_limit
from benchmarks.relay.peers import PEERS, Peer, Setting
from tests.support.processes import ROOT

TOOLS = ROOT / ".bench"
Running = contextlib.AbstractContextManager[Peer]


@contextlib.contextmanager
def loaded(rate: float, relay_cores: int = 1) -> Iterator[tuple[Load, Cores]]:
    """Upstream and client in this process, on a core of their own."""
    raise_file_limit()
    cores = Cores.shared(relay_cores)
    everything = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores.load)
    load = Load(rate)
    try:
        yield load, cores
    finally:
        load.close()
        os.sched_setaffinity(0, everything)


@contextlib.contextmanager
def running(name: str, load: Load, cores: Cores, **options: Any) -> Iterator[Peer]:
    """One peer, started. `options` are of its class. Raises NotAvailable."""
    folder = Path(tempfile.mkdtemp(prefix=f"macrochat-bench-{name}-"))
    peer = PEERS[name](Setting(load.upstream.address, folder, TOOLS, cores), **options)
    try:
        peer.start()
        yield peer
    finally:
        peer.stop()
        shutil.rmtree(folder, ignore_errors=True)
