"""A TCP proxy before a server, to do to a browser's connections what bad lines do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """`cut(n)` breaks the next body on a path with `/stream` after n bytes from the server; `stall(n)` lets it fall silent.

    While `refusing`, every connection is closed at once, open ones too.
    """

    def __init__(self, port: int) -> None:
        self._upstream = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._plans: list[tuple[str, int]] = []
        self._open: set[socket.socket] = set()
        self.refusing = False
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, after: int) -> None:
        self._plans.append(("cut", after))

    def stall(self, after: int) -> None:
        self._plans.append(("stall", after))

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        self.refusing = True
        for sock in list(self._open):
            _close(sock)
        try:
            yield
        finally:
            self.refusing = False

    def close(self) -> None:
        self._listener.close()
        for sock in list(self._open):
            _close(sock)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refusing:
                    _close(client)
                    continue
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._upstream)
        except OSError:
            return _close(client)
        line = _Line(self._plans)
        self._open |= {client, server}
        threading.Thread(target=self._pump, args=(client, server, line.heard), daemon=True).start()
        self._pump(server, client, line.answered)
        return None

    def _pump(self, source: socket.socket, sink: socket.socket, pass_on) -> None:  # type: ignore[no-untyped-def]
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                data, goes_on = pass_on(data)
                sink.sendall(data)
                if not goes_on:
                    break
        for sock in (source, sink):
            _close(sock)
            self._open.discard(sock)


class _Line:
    """One connection: which request it is on, and how many bytes of the answer may still pass."""

    def __init__(self, plans: list[tuple[str, int]]) -> None:
        self._plans = plans
        self._plan: tuple[str, int] | None = None
        self._passed = 0

    def heard(self, data: bytes) -> tuple[bytes, bool]:
        path = data.split(b"\r\n", 1)[0]
        if b"HTTP/1.1" in path:
            self._passed = 0
            self._plan = self._plans.pop(0) if b"/stream" in path and self._plans else None
        return data, True

    def answered(self, data: bytes) -> tuple[bytes, bool]:
        if self._plan is None:
            return data, True
        how, most = self._plan
        head = data.find(b"\r\n\r\n") + 4 if self._passed == 0 and b"\r\n\r\n" in data else 0
        room = max(0, most - self._passed) + head
        self._passed += len(data) - head
        if how == "stall":
            return data[:room], True
        return data[:room], len(data) <= room


def _close(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
