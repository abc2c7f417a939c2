"""What operators ask: is it well, what is it doing, and stop that.

health       may traffic come here (load balancers), and the same with all details (administrators)
figures      /metrics
access_log   a line per request
sampling     once a second: gauges, and who reads what
"""

from __future__ import annotations

from flask import Flask

from . import figures, health, sampling


def init_app(app: Flask) -> None:
    """After the replies: it looks at their engine room."""
    room = app.extensions["macrochat"]
    room.chores.append((sampling.SECONDS, lambda: sampling.sample(room)))
    app.register_blueprint(health.blueprint)
    app.register_blueprint(figures.blueprint)
