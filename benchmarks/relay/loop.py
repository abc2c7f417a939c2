"""One thread, one epoll: what the upstream and the load client share.

Both live in one process, so that they cost one core together and know of each other what they need to check.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from gevent import monkey

epoll = monkey.get_original("select", "epoll")  # in a process that gevent has patched, the tests', there is no other
READ, WRITE = 1, 4  # EPOLLIN, EPOLLOUT
TICK_SECONDS = 0.001
EVENTS_AT_ONCE = 64  # then the clock is looked at again, so that sending is punctual however much there is to read


class Loop:
    """Calls `handlers[descriptor](mask)` for what is ready and `tick()` at least once a millisecond.

    `tick` returns whether it is late already: then the loop does not wait, or it would never catch up.
    """

    def __init__(self) -> None:
        self._epoll = epoll()
        self._handlers: dict[int, Callable[[int], None]] = {}
        self.tick: Callable[[], bool] = lambda: False

    def add(self, fd: int, handler: Callable[[int], None], mask: int = READ) -> None:
        self._handlers[fd] = handler
        self._epoll.register(fd, mask)

    def change(self, fd: int, mask: int) -> None:
        self._epoll.modify(fd, mask)

    def remove(self, fd: int) -> None:
        """Before the descriptor is closed."""
        del self._handlers[fd]
        self._epoll.unregister(fd)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Runs for so long, or until the condition holds; returns whether it did."""
        deadline = time.monotonic() + seconds
        handlers, poll, monotonic = self._handlers, self._epoll.poll, time.monotonic
        late = False
        while not until():
            if monotonic() >= deadline:
                return False
            for fd, mask in poll(0 if late else TICK_SECONDS, EVENTS_AT_ONCE):
                handler = handlers.get(fd)
                if handler is not None:  # else removed by an earlier one of this round
                    handler(mask)
            late = self.tick()
        return True

    def close(self) -> None:
        self._epoll.close()
