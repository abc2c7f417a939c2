"""Work that a process does beside its requests, over and over."""

from __future__ import annotations

from collections.abc import Callable

import gevent

from ..database import is_outage, reason
from ..logs import News, get_logger

log_line = get_logger(__name__)


class Background:
    """Greenlets that outlive the failures of their work."""

    def __init__(self) -> None:
        self._news = News()
        self._greenlets: list[gevent.Greenlet] = []

    def every(self, seconds: float, work: Callable[[], None]) -> None:
        """Runs `work` at once and again so many seconds after each end, whatever it raises."""

        def repeat() -> None:
            while True:
                self.attempt(work.__name__, work)
                gevent.sleep(seconds)

        self.spawn(repeat)

    def spawn(self, work: Callable[[], None]) -> None:
        self._greenlets.append(gevent.spawn(work))

    def attempt(self, what: str, work: Callable[[], object]) -> None:
        """Runs `work` once. An outage of the database is told once, any other error with its traceback."""
        try:
            work()
        except Exception as error:
            if is_outage(error):
                if self._news.is_new(reason(error)):
                    log_line.warning("storage_unavailable", during=what, cause=reason(error))
            else:
                log_line.exception("background_work_failed", during=what)

    def kill(self) -> None:
        gevent.killall(self._greenlets)
        self._greenlets = []
