"""The application as `app.py` makes it, with the points of `wrappers` in place: what gunicorn loads in chaos runs."""

import os

from gevent import monkey

monkey.patch_all()

import sqlalchemy as sa  # noqa: E402

from macrochat import database  # noqa: E402
from macrochat.factory import create_app  # noqa: E402
from macrochat.replies.journal import leases, store  # noqa: E402
from macrochat.replies.reading import bodies  # noqa: E402
from tests.chaos import sabotage, wrappers  # noqa: E402

bodies.SLOW_READER_SECONDS = float(os.environ.get("CHAOS_SLOW_READER_SECONDS", "30"))
leases.MACHINE = os.environ.get("CHAOS_MACHINE", leases.MACHINE)
leases.clock = store.clock = lambda dialect: sa.type_coerce(
    database.clock(dialect) + sa.text("(SELECT coalesce(sum(seconds), 0) FROM chaos_clock)"), sa.Double
)
sabotage.sabotage(os.environ.get("CHAOS_SABOTAGE", ""))
wrappers.install()
app = create_app()
