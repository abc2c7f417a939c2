"""Faults of the model's server, made by the proxy before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import gevent

from tests.chaos.faults import FAILED, Strike, fault
from tests.chaos.world import PROVIDER_SECONDS

if TYPE_CHECKING:
    from tests.chaos.stage import Stage


def _provider(mode: str, **fields: float) -> Strike:
    def strike(stage: Stage) -> Iterator[None]:
        stage.world.proxy("provider", mode, **fields)
        yield
        gevent.sleep(stage.rng.uniform(0.3, 1.0))
        stage.world.proxy("provider", "pass")

    return strike


fault("provider-reset", outcomes=FAILED, others=FAILED)(_provider("reset"))
fault("provider-refused", outcomes=FAILED, others=FAILED)(_provider("refuse"))
fault("provider-garbage", outcomes=FAILED, others=FAILED)(_provider("garbage"))
fault("provider-cut", outcomes=FAILED, others=FAILED)(_provider("cut", bytes=700))
fault("provider-slow")(_provider("delay", seconds=0.2))


@fault("provider-stall", outcomes=FAILED, others=FAILED, overlaps=True)
def provider_stall(stage: Stage) -> Iterator[None]:
    """Sometimes for longer than a silence may last."""
    stage.world.proxy("provider", "blackhole")
    yield
    gevent.sleep(stage.rng.choice((1.0, PROVIDER_SECONDS + 1.0)))
    stage.world.proxy("provider", "pass")
