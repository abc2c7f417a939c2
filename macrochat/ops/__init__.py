"""What operators ask: is it well, what is it doing, and stop that.

health       may traffic come here (load balancers)
details      the same and more, for administrators
figures      who may read /metrics
access_log   a line per request
sampling     once a second: gauges, and who reads what
live         what is being written now; stopping it
history      the last hour
drip         a body that shows what proxies do to it
"""

from __future__ import annotations

from flask import Flask

from .. import metrics
from ..catalogue import registries
from ..errors import provider_codes
from ..replies.process import processes
from . import health, routes, sampling
from .history import History, histories


def init_app(app: Flask) -> None:
    """After the replies: it looks at their process."""
    process = processes.of(app)
    metrics.begin([provider.name for provider in registries.of(app).providers], provider_codes())
    process.chores.append((sampling.SECONDS, lambda: sampling.sample(process)))
    histories.keep(app, History())
    health.probes.keep(app, health.ProviderProbe())
    app.register_blueprint(health.blueprint)
    app.register_blueprint(routes.blueprint)
