"""Waits for many upstream sockets at once, and reads them together.

A server that streams to a thousand readers spends most of its time on being woken. Here a socket is registered with one
epoll for as long as its answer lasts, and the epoll is asked once per TICK_SECONDS at most: whatever has something to
read is read then, one socket after the other, so that a tick's text becomes one commit. The reading is done in the
event loop; the greenlet that waits is only resumed when it is wanted, mostly at its answer's end. At rest nothing
waits: the first byte after a quiet tick is read at once. (Figures: docs/performance.md.)
"""

from __future__ import annotations

import contextlib
import select
import time
import weakref
from collections.abc import Callable
from typing import Any

import gevent
import greenlet  # type: ignore[import-untyped]
from gevent import monkey, socket

TICK_SECONDS = 0.015
MAX_TICK_SECONDS = 0.05
REST = 3  # a tick is followed by so many times its own length, so that the next one finds more in each socket
SLICE = 128  # sockets; then the loop turns: what they brought is committed and sent before the rest is read
MOST_EVENTS = 8192
EXPIRY_SECONDS = 0.5  # how late a time-out may be noticed

# gevent takes epoll out of the select module, for those who would block the process with it. Ours never waits.
_epoll: Any = monkey.get_original("select", "epoll") if hasattr(select, "EPOLLIN") else None
_pollers: weakref.WeakKeyDictionary[Any, Poller | PlainPoller] = weakref.WeakKeyDictionary()


class WaitTimeout(Exception):
    """Nothing could be read in time."""


class _Waiter:
    """A greenlet that waits until `done()`, which is asked in the event loop."""

    __slots__ = ("done", "greenlet", "resumed", "seconds", "until")

    def __init__(self, done: Callable[[], bool], seconds: float) -> None:
        self.greenlet = greenlet.getcurrent()
        self.done = done
        self.seconds = seconds
        self.until = time.monotonic() + seconds
        self.resumed = False

    def ask(self) -> None:
        """Resumes the greenlet if that was it, or with what went wrong."""
        if self.resumed:
            return
        try:
            if not self.done():
                return
        except BaseException as error:  # noqa: BLE001 - it is the waiting greenlet's, not the event loop's
            self.throw(error)
        else:
            self.greenlet.switch()

    def throw(self, error: BaseException) -> None:
        if not self.resumed:
            self.greenlet.throw(error)


class Poller:
    """One per event loop, made after the fork: `poller()`."""

    def __init__(self) -> None:
        self._hub = gevent.get_hub()
        self._epoll = _epoll()
        self._waiting: dict[int, _Waiter] = {}
        self._disarmed: set[int] = set()
        self._next = 0.0  # time.monotonic() of the earliest next tick
        self._began = self._busy = 0.0  # of the tick under way: when it began, and the seconds it has taken
        self._left = 0  # how many sockets it may still read
        self._ready = self._hub.loop.io(self._epoll.fileno(), 1, ref=False)
        self._ready.start(self._on_ready)
        self._next_tick: Any = None
        self._expiry = self._hub.loop.timer(EXPIRY_SECONDS, EXPIRY_SECONDS)  # runs while somebody waits

    def register(self, fd: int) -> None:
        """Until `unregister`; the socket is non-blocking."""
        self._epoll.register(fd, select.EPOLLIN)

    def unregister(self, fd: int) -> None:
        """To be called before the socket is closed. Whoever waits for it meets an OSError."""
        if fd in self._disarmed:
            self._disarmed.discard(fd)
        else:
            self._epoll.unregister(fd)
        if waiter := self._waiting.pop(fd, None):
            self._hub.loop.run_callback(waiter.throw, socket.cancel_wait_ex())

    def wait(self, fd: int, seconds: float, done: Callable[[], bool]) -> None:
        """Returns when `done()`, which is asked in the event loop whenever `fd`, which is registered, may be read.

        `done` reads it, and waits for nothing; what it raises is raised here. Raises WaitTimeout after so many seconds
        of silence, OSError when `fd` was unregistered meanwhile. A process that slept itself (suspended, SIGSTOP) looks
        at the socket before it says that the peer was silent.
        """
        if fd in self._disarmed:
            self._disarmed.discard(fd)
            self._epoll.register(fd, select.EPOLLIN)
        waiter = self._waiting[fd] = _Waiter(done, seconds)
        if not self._expiry.active:
            self._expiry.start(self._expire)
        try:
            self._hub.switch()
        finally:
            waiter.resumed = True
            if self._waiting.get(fd) is waiter:
                del self._waiting[fd]

    def _on_ready(self) -> None:
        wait = self._next - time.monotonic()
        if wait <= 0:
            self._tick()
        else:
            self._tick_in(wait)

    def _tick_in(self, seconds: float) -> None:
        self._ready.stop()
        self._next_tick = self._hub.loop.timer(seconds)
        self._next_tick.start(self._late_tick)

    def _late_tick(self) -> None:
        self._ready.start(self._on_ready)
        self._tick()

    def _tick(self) -> None:
        """A slice of a tick. Which sockets are next the system knows: those that have been readable longest.

        (With a list made when the tick begins, what was read late in one tick and was not yet readable again when the
        next began had to wait for the end of a third.)
        """
        began = time.monotonic()
        if self._left <= 0:
            self._began, self._busy, self._left = began, 0.0, len(self._waiting)
        found = self._look(SLICE)
        self._left = self._left - found if found == SLICE else 0
        self._busy += time.monotonic() - began
        self._next = self._began + min(max(TICK_SECONDS, REST * self._busy), MAX_TICK_SECONDS)
        if self._left > 0:
            self._tick_in(0.0)

    def _look(self, most: int) -> int:
        """Has what is readable read, in the event loop, at most so many sockets. Returns how many it were.

        A greenlet that is resumed comes back here when it waits for the next thing.
        """
        now = time.monotonic()
        ready = self._epoll.poll(0, most)
        for fd, _events in ready:
            if waiter := self._waiting.get(fd):
                waiter.until = now + waiter.seconds
                waiter.ask()
            else:
                self._disarm(fd)
        return len(ready)

    def _disarm(self, fd: int) -> None:
        """Nobody wants to read it now, so it must not wake us again."""
        with contextlib.suppress(OSError):  # unregistered by a greenlet that was resumed a moment ago
            self._epoll.unregister(fd)
            self._disarmed.add(fd)

    def _expire(self) -> None:
        if self._expired():
            self._look(MOST_EVENTS)
            for waiter in self._expired():
                waiter.throw(WaitTimeout())
        if not self._waiting:
            self._expiry.stop()

    def _expired(self) -> list[_Waiter]:
        now = time.monotonic()
        return [waiter for waiter in self._waiting.values() if waiter.until <= now]


class PlainPoller:
    """For systems without epoll: every greenlet is woken by itself."""

    def __init__(self) -> None:
        self._watchers: dict[int, Any] = {}

    def register(self, fd: int) -> None:
        self._watchers[fd] = gevent.get_hub().loop.io(fd, 1)

    def unregister(self, fd: int) -> None:
        gevent.get_hub().cancel_wait(self._watchers.pop(fd), socket.cancel_wait_ex, True)

    def wait(self, fd: int, seconds: float, done: Callable[[], bool]) -> None:
        while True:
            socket.wait(self._watchers[fd], timeout=seconds, timeout_exc=WaitTimeout())
            if done():
                return


def poller() -> Poller | PlainPoller:
    """That of this thread's event loop."""
    hub = gevent.get_hub()
    if hub not in _pollers:
        _pollers[hub] = Poller() if _epoll else PlainPoller()
    return _pollers[hub]
