"""The scripted server's sockets: HTTP/1.1 with keep-alive by hand, since its faults are below what libraries do."""

from __future__ import annotations

import http
import json
import socket
from typing import Any

import gevent
from gevent.server import StreamServer
from gevent.socket import wait_read

from macrochat.providers.scripted.behaviours import BEHAVIOURS, play
from macrochat.providers.scripted.lists import list_asked_for
from macrochat.providers.scripted.script import Refusal, Script
from macrochat.providers.scripted.state import Record, State
from macrochat.providers.scripted.stream import Broken, Hang, Stream
from macrochat.providers.scripted.texts import begun_text, expected_text

MAX_HEAD_BYTES = 64 * 1024


class ClientClosed(BaseException):
    """Thrown into the greenlet that answers, wherever it is, as soon as the client's FIN or RST arrives."""


class ScriptedServer:
    """`port` 0 takes a free one; `address` tells which. `start` returns once it listens."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.state = State()
        self._server = StreamServer((host, port), self._talk, backlog=1024)

    def start(self) -> None:
        self._server.start()

    def serve_forever(self) -> None:
        self._server.serve_forever()

    def stop(self) -> None:
        self._server.stop(timeout=0)

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._server.address[:2]
        return host, port

    def _talk(self, sock: Any, _peer: Any) -> None:
        self.state.open_connections += 1
        self.state.connections_seen += 1
        connection = self.state.connections_seen
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while (request := _read_request(sock)) is not None:
                self._answer(sock, connection, *request)
        except (Broken, ClientClosed, OSError):
            pass
        finally:
            self.state.open_connections -= 1

    def _answer(self, sock: Any, connection: int, method: str, path: str, body: bytes) -> None:
        address, path = path, path.partition("?")[0]
        if path.startswith("/control/"):
            _send_json(sock, 200, self._control(method, path))
        elif path == "/health":
            _send_json(sock, 200, {"status": "ok"})
        elif path.endswith("/models") and (odd := list_asked_for(path)):
            _send(sock, *odd, {"Content-Type": "application/json"})
        elif path.endswith("/models"):
            models = [{"id": f"scripted-{name}", "object": "model", "owned_by": "scripted"} for name in BEHAVIOURS]
            _send_json(sock, 200, {"object": "list", "data": models})
        elif method == "POST" and path.endswith("/chat/completions"):
            self._complete(sock, connection, address, json.loads(body))
        else:
            _send_json(sock, 404, {"error": {"message": f"No such route: {method} {path}"}})

    def _control(self, method: str, path: str) -> dict[str, Any]:
        if (method, path) == ("POST", "/control/reset"):
            self.state.reset()
        elif (method, path) == ("POST", "/control/release"):
            self.state.released.set()
        return self.state.report()

    def _complete(self, sock: Any, connection: int, address: str, request: dict[str, Any]) -> None:
        rest = {k: v for k, v in request.items() if k not in ("model", "messages")}
        record = Record(request["model"], request["messages"], rest, connection, address)
        self.state.add(record)
        watcher = gevent.spawn(_watch, sock, gevent.getcurrent())
        try:
            self._play(sock, record)
            record.end("finished")
        except Refusal as refusal:
            _send(sock, refusal.status, refusal.body, refusal.headers)
            record.end("finished")
        except Broken:
            record.end("broken")
            raise
        except (ClientClosed, OSError):
            record.end("client_closed")
            raise
        finally:
            watcher.kill()  # waits for it: gevent puts off closing a socket that is being watched

    def _play(self, sock: Any, record: Record) -> None:
        include_usage = bool((record.body.get("stream_options") or {}).get("include_usage"))
        script = Script(Stream(sock, record, include_usage=include_usage), self.state)
        if not record.body.get("stream"):
            raise _unstreamed(record)
        try:
            play(script)
        except Hang:
            gevent.sleep(3600)  # until the watcher sees the client go


def _watch(sock: Any, answering: Any) -> None:
    """Nothing else reads the socket while an answer goes out, so this is how its end is noticed, even in silence."""
    try:
        wait_read(sock.fileno())
        gone = sock.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        gone = True
    if gone:
        answering.kill(ClientClosed, block=False)


def _unstreamed(record: Record) -> Refusal:
    begun, _ = begun_text(record.messages)
    text = expected_text(record.model, record.messages)[len(begun) :]
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return Refusal(200, json.dumps({"object": "chat.completion", "model": record.model, "choices": [choice]}).encode())


def _read_request(sock: Any) -> tuple[str, str, bytes] | None:
    """Method, path and body of the next request; None when the client hangs up. Bodies need a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        if len(data) > MAX_HEAD_BYTES or not (read := sock.recv(65536)):
            return None
        data += read
    head, _, rest = data.partition(b"\r\n\r\n")
    request_line, *header_lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(":", 1) for line in header_lines)
    body, length = bytearray(rest), int(headers.get("content-length", 0))
    while len(body) < length:
        if not (read := sock.recv(65536)):
            return None
        body += read
    method, path, _version = request_line.split(" ", 2)
    return method, path, bytes(body)


def _send_json(sock: Any, status: int, body: Any) -> None:
    _send(sock, status, json.dumps(body).encode(), {"Content-Type": "application/json"})


def _send(sock: Any, status: int, body: bytes, headers: dict[str, str]) -> None:
    reason = http.HTTPStatus(status).phrase if status in http.HTTPStatus._value2member_map_ else "Scripted"
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{k}: {v}" for k, v in headers.items()), f"Content-Length: {len(body)}"]
    sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
