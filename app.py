"""What gunicorn and the flask command load. gevent must patch the standard library before anything imports it."""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from macrochat.config import ConfigError  # noqa: E402
from macrochat.factory import create_app  # noqa: E402

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"Macrochat cannot start: {error}")
