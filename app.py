"""What gunicorn and the flask command load. gevent must patch the standard library before anything imports it."""

from gevent import monkey

monkey.patch_all()

from macrochat import create_app  # noqa: E402

app = create_app()
