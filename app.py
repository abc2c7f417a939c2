"""What gunicorn and the flask command load. gevent must patch the standard library before anything imports it."""

from gevent import monkey

monkey.patch_all()

import os  # noqa: E402
import sys  # noqa: E402

from macrochat.config import ConfigError, environment, keep_files_private  # noqa: E402
from macrochat.factory import create_app  # noqa: E402

keep_files_private()
try:
    os.environ.update(environment())  # libraries read theirs (HTTPS_PROXY, PGSSLROOTCERT) there
    app = create_app()
except ConfigError as error:
    sys.exit(f"Macrochat cannot start: {error}")
