"""The end of a reply in the database: tried until it stands there, and never in vain for ever.

A passing outage is waited out, since nobody else can end a reply that this process writes. What the database *refuses*
is taken back step by step after a few tries, down to a claim with nothing in it that could be refused: a reply that
stays `streaming` locks its chat, and every restart would ask – and pay – its provider again.
"""

from __future__ import annotations

import datetime as dt
import time

import gevent
from gevent.lock import BoundedSemaphore

from ...database import is_outage, reason
from ...logs import get_logger
from ..journal.leases import Lease
from ..journal.store import Store
from ..models import FAILED
from . import claims
from .claims import Outcome
from .generation import Generation

log_line = get_logger(__name__)

ENDS_AT_ONCE = 2  # of store.CONNECTIONS: the rest stays for commits, folds and the lease
REFUSALS = 3  # how often the database may refuse a claim before less is claimed
OUTAGE_SECONDS = 60.0  # how long it may seem to be away for this claim, although it renews the lease

UNSTORABLE = Outcome(
    status=FAILED,
    error_code="STORAGE_REFUSED",
    error_message="The database refused to store the end of this reply",
)


class Endings:
    """Ends the replies that one process writes under `lease`, a few at a time."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._at_once = BoundedSemaphore(ENDS_AT_ONCE)  # hundreds may end in one moment, and the lease must not wait

    def claim(self, generation: Generation, outcome: Outcome) -> Outcome | None:
        """Makes the reply final. Returns the outcome that was stored, or None when the reply is not ours any more."""
        log, base = generation.log, generation.base
        tail = claims.Tail(bytes(log.data[base.text :]), bytes(log.trace[base.trace :]))
        steps = [(outcome, tail), (UNSTORABLE, tail), (UNSTORABLE, claims.NO_TAIL)]
        refused, pause, since = 0, 0.05, time.monotonic()
        while True:
            stored, kept = steps[0]
            try:
                with self._at_once:
                    return stored if self._finish(generation, stored, kept) else None
            except Exception as error:  # noqa: BLE001 - nobody else can end this reply
                log_line.warning("claim_failed", replyId=str(generation.log.reply_id), error=reason(error))
                refused += not is_outage(error)
            if len(steps) > 1 and (refused >= REFUSALS or self._lease.renewed_at - since > OUTAGE_SECONDS):
                log_line.error("claim_refused", replyId=str(generation.log.reply_id), status=stored.status)
                del steps[0]
                refused, pause, since = 0, 0.05, time.monotonic()
            gevent.sleep(pause)
            pause = min(1.0, pause * 2)

    def _finish(self, generation: Generation, outcome: Outcome, tail: claims.Tail) -> bool:
        log, owner, base = generation.log, generation.owner, generation.base
        first_byte = generation.first_byte_at and dt.datetime.fromtimestamp(generation.first_byte_at, dt.UTC)
        return self._store.transact(
            lambda connection: claims.finish(connection, owner, log.reply_id, base, tail, outcome, first_byte or None),
            durable=True,
        )
