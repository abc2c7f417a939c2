"""A small HTTP/1.1 client that sees what others hide: how a body ended, and every byte that came before that.

Cooperative (gevent), one connection a request.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from gevent import socket

CLEAN, CUT, RESET, SILENT = "clean", "cut", "reset", "silent"
READ_BYTES = 65536


class NoAnswer(Exception):
    """The connection was refused, or ended before the headers or the counted body of an answer were whole.

    `how`: refused, cut, reset, silent.
    """

    def __init__(self, how: str) -> None:
        super().__init__(how)
        self.how = how


class Answer:
    """`pieces()` yields a chunked body as it comes (others are read at once); afterwards `end` says how it ended: only CLEAN was meant to."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._buffer = b""
        self.end: str | None = None
        head = self._read_head()
        line, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(line.split(" ", 2)[1])
        self.headers = {k.strip().lower(): v.strip() for k, v in (h.split(":", 1) for h in lines)}
        self._chunked = self.headers.get("transfer-encoding") == "chunked"
        self._whole = b"" if self._chunked else b"".join(self._counted(int(self.headers.get("content-length", 0))))
        if not self._chunked:
            self.close()
            if self.end != CLEAN:
                raise NoAnswer(self.end or CUT)

    @property
    def reply_id(self) -> str | None:
        return self.headers.get("x-reply-id")

    @property
    def code(self) -> str | None:
        """Of a failure's envelope. Reads the body."""
        try:
            return json.loads(self.body()).get("code")
        except ValueError:
            return None

    def json(self) -> Any:
        return json.loads(self.body())

    def body(self) -> bytes:
        return b"".join(self.pieces())

    def pieces(self) -> Iterator[bytes]:
        if self._chunked:
            yield from self._chunks()
            self.close()
        else:
            yield self._whole

    def reset(self) -> None:
        reset(self._sock)

    def close(self) -> None:
        self._sock.close()

    def be_patient_for(self, seconds: float) -> None:
        """Bounds each wait for more of the body."""
        self._sock.settimeout(seconds)

    def _read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                self.close()
                raise NoAnswer(self.end or CUT)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def _fill(self) -> bool:
        """Reads once more; False, with `end` set, when there is no more."""
        if self.end:
            return False
        try:
            data = self._sock.recv(READ_BYTES)
        except TimeoutError:
            self.end = SILENT
        except OSError:
            self.end = RESET
        else:
            if data:
                self._buffer += data
                return True
            self.end = CUT
        return False

    def _counted(self, left: int) -> Iterator[bytes]:
        while left > 0:
            if not self._buffer and not self._fill():
                return
            piece, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(piece)
            yield piece
        self.end = CLEAN

    def _chunks(self) -> Iterator[bytes]:
        while True:
            while b"\r\n" not in self._buffer:
                if not self._fill():
                    return
            size, _, self._buffer = self._buffer.partition(b"\r\n")
            left = int(size, 16)
            if left == 0:
                while len(self._buffer) < 2:
                    if not self._fill():
                        return
                self.end = CLEAN
                return
            while left > 0:
                if not self._buffer and not self._fill():
                    return
                piece, self._buffer = self._buffer[:left], self._buffer[left:]
                left -= len(piece)
                yield piece
            while len(self._buffer) < 2:
                if not self._fill():
                    return
            self._buffer = self._buffer[2:]


def request(port: int, method: str, path: str, **options: Any) -> Answer:
    """Sends one request to loopback and returns once the headers of its answer are there (options: `ask`).

    Raises NoAnswer.
    """
    return Answer(ask(port, method, path, **options))


def ask(
    port: int,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: dict[str, str] | None = None,
    silence: float = 10.0,
    receive_buffer: int = 0,
) -> Any:
    """Sends a request and returns the socket, nothing read.

    `silence` bounds each wait, in seconds; `receive_buffer` makes a slow reader. Raises NoAnswer.
    """
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(silence)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.connect(("127.0.0.1", port))
        sock.sendall(_request_bytes(method, path, body, headers or {}))
    except OSError as error:
        sock.close()
        raise NoAnswer("refused" if isinstance(error, ConnectionRefusedError) else CUT) from None
    return sock


def reset(sock: Any) -> None:
    """Hangs up with a TCP reset, as a client does that dies with unread data."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    sock.close()


def _request_bytes(method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    data = b""
    if body is not None:
        data = json.dumps(body).encode()
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
    elif method != "GET":
        lines.append("Content-Length: 0")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data
