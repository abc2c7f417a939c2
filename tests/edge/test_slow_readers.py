"""Whoever takes nothing of an answer is cut off, whatever the answer is; nothing is said of it in the log."""

import socket

import pytest

from tests.support.long_chats import fill
from tests.support.processes import ROOT, wait_until

# What is told gunicorn.conf.py is told to all its functions: they look names up when they are called.
CONFIGURATION = "__file__ = {path!r}\nexec(open(__file__).read())\nSEND_SECONDS = 1\n"


@pytest.fixture
def site(server, tmp_path):
    file = tmp_path / "impatient.conf.py"
    file.write_text(CONFIGURATION.format(path=str(ROOT / "gunicorn.conf.py")))
    return server(GUNICORN_CMD_ARGS=f"--config {file}")


def test_any_answer_that_is_not_taken_is_cut(site):
    person = site.client()
    chat = person.post("/api/chats", json={}).json()["data"]["id"]
    fill(site.database_url, chat, 4, text=lambda _number: "x" * 250_000)
    cookie = "; ".join(f"{name}={value}" for name, value in person.cookies.items())
    asks = {
        "an API's answer": f"/api/chats/{chat}",
        "a page": f"/chats/{chat}",
        "a file": "/static/js/models/chat_session.js",
    }
    for what, path in asks.items():
        with socket.socket() as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            line.connect(("127.0.0.1", site.port))
            head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nCookie: {cookie}\r\n\r\n"
            line.setblocking(False)
            wait_until(lambda line=line, head=head: is_cut(line, head), 20, f"{what} is cut")
    assert person.get("/api/users/me").status_code == 200
    assert "Traceback" not in site.process.output()


def is_cut(line, head):
    """Asks again and again, reads nothing; whether the server has hung up."""
    try:
        line.send(head.encode())
    except BlockingIOError:
        return False
    except OSError:
        return True
    return False
