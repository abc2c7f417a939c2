"""Faults of clients: hanging up, stopping, sending twice, deleting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gevent

from tests.chaos.faults import STOPPED, fault
from tests.support.servers import PASSWORD

if TYPE_CHECKING:
    from tests.chaos.stage import Stage


@fault("client-reset", vanishes=True)
def client_reset(stage: Stage) -> Iterator[None]:
    stage.vanish()
    yield


@fault("stop-same", outcomes=STOPPED)
def stop_same(stage: Stage) -> Iterator[None]:
    stopping = gevent.spawn(stage.stop, stage.victim.port)
    gevent.sleep(0.05)
    yield
    stopping.join(15)


@fault("stop-other", outcomes=STOPPED, workers=2)
def stop_other(stage: Stage) -> Iterator[None]:
    stopping = gevent.spawn(stage.stop, stage.other().port)
    gevent.sleep(0.15)
    yield
    stopping.join(15)


@fault("double-submit")
def double_submit(stage: Stage) -> Iterator[None]:
    stage.spawn(stage.target.send, stage.other().port)
    gevent.sleep(0.1)
    yield
    stage.spawn(stage.target.send, stage.victim.port)


@fault("second-send")
def second_send(stage: Stage) -> Iterator[None]:
    rival = stage.rival()
    stage.spawn(rival.send, stage.other().port)
    gevent.sleep(0.1)
    yield


@fault("chat-deleted")
def chat_deleted(stage: Stage) -> Iterator[None]:
    target = stage.target
    target.gone = True
    deleting = stage.spawn(stage.until_done, target, "DELETE", f"/api/chats/{target.chat_id}", None)
    gevent.sleep(0.1)
    yield
    deleting.join(15)


@fault("user-deleted")
def user_deleted(stage: Stage) -> Iterator[None]:
    target = stage.target
    target.gone = True
    deleting = stage.spawn(stage.until_done, target, "DELETE", "/api/users/me", {"password": PASSWORD})
    gevent.sleep(0.1)
    yield
    deleting.join(15)
