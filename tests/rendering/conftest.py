"""Chromium with the Markdown renderer in a page whose Content-Security-Policy is as strict as the app's."""

import mimetypes
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types macrochat-worker"
)


class Files(BaseHTTPRequestHandler):
    """Serves /static and the harness, and remembers every address that was asked for."""

    def do_GET(self):
        self.server.asked.append(self.path)
        path = ROOT / self.path.lstrip("/") if self.path.startswith("/static/") else HERE / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        self.send_header("Content-Length", str(len(content)))
        if "no-policy" not in (self.headers.get("Cookie") or ""):
            self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def origin(server):
    return f"http://127.0.0.1:{server.server_port}"


@pytest.fixture(scope="module")
def open_page(chromium, origin):
    """Opens the harness under the app's policy ("strict") or under none."""
    contexts = []

    def open_page(policy="strict", **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        if policy == "none":
            context.add_cookies([{"name": "no-policy", "value": "1", "url": origin}])
        page = context.new_page()
        page.origin = origin
        page.goto(f"{origin}/harness.html")
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(open_page):
    """One harness for all tests of a file: each draws what it needs."""
    return open_page()


@pytest.fixture
def until():
    """Waits for a condition in a page. Playwright's own wait_for_function needs `eval`, which the policy forbids."""

    def until(page, condition):
        page.evaluate(f"async () => {{ while (!({condition})) await new Promise(done => setTimeout(done, 20)) }}")

    return until
