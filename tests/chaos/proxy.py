"""A TCP proxy with faults, as a process of its own: `python -m tests.chaos.proxy <control socket> <name>=<port>…`

It prints a port per name. One JSON object a line at the control socket: {"route", "mode", …}. Modes:

    pass                                     forwards; what a black hole kept goes on
    refuse       closes its listener and resets what is open
    reset        resets what is open, once; later connections pass
    blackhole    accepts, forwards nothing and answers nothing, in both directions
    delay        forwards every read `seconds` later
    cut          forwards `bytes` more towards the client, then resets; later connections pass
    garbage      the next read towards the client is replaced by bytes that mean nothing
"""

from __future__ import annotations

import json
import struct
import sys
from typing import Any

import gevent
from gevent import socket
from gevent.event import Event
from gevent.server import StreamServer

GARBAGE = b'5\r\n\x00\xff{"o\r\ndata: {oops\n\n'


class Route:
    def __init__(self, target: int) -> None:
        self.target = target
        self.mode = "pass"
        self.seconds = 0.0
        self.bytes_left = 0
        self.open: set[Any] = set()
        self._flowing = Event()
        self._flowing.set()
        self._listener = _listen(0)
        self.port = self._listener.getsockname()[1]
        self._server = self._serve()

    def set(self, mode: str, seconds: float = 0.0, bytes: int = 0) -> int:
        """Returns how many connections were open."""
        was, self.mode, self.seconds, self.bytes_left = self.mode, mode, seconds, bytes
        count = len(self.open) // 2
        if mode == "blackhole":
            self._flowing.clear()
        else:
            self._flowing.set()
        if mode == "refuse":
            self._server.stop(timeout=0)
        elif was == "refuse":
            self._listener = _listen(self.port)
            self._server = self._serve()
        if mode in ("refuse", "reset"):
            for sock in list(self.open):
                _reset(sock)
        if mode == "reset":
            self.mode = "pass"
        return count

    def _serve(self) -> StreamServer:
        server = StreamServer(self._listener, self._forward)
        server.start()
        return server

    def _forward(self, client: Any, _address: Any) -> None:
        self._flowing.wait()
        upstream = socket.socket()
        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            upstream.connect(("127.0.0.1", self.target))
        except OSError:
            _reset(client)
            return
        self.open |= {client, upstream}
        there = gevent.spawn(self._pump, client, upstream, towards_client=False)
        self._pump(upstream, client, towards_client=True)
        there.join()
        self.open -= {client, upstream}
        client.close()
        upstream.close()

    def _pump(self, source: Any, sink: Any, *, towards_client: bool) -> None:
        try:
            while data := source.recv(65536):
                self._flowing.wait()
                if self.mode == "delay":
                    gevent.sleep(self.seconds)
                if towards_client:
                    data = self._spoil(data, source, sink)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(source)
            _reset(sink)

    def _spoil(self, data: bytes, source: Any, sink: Any) -> bytes:
        if self.mode == "garbage":
            self.mode = "pass"
            return GARBAGE
        if self.mode == "cut":
            if len(data) >= self.bytes_left:
                self.mode = "pass"
                sink.sendall(data[: self.bytes_left])
                gevent.sleep(0.02)  # a reset overtakes what has not been read
                raise ConnectionResetError
            self.bytes_left -= len(data)
        return data


def _listen(port: int) -> Any:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(256)
    return listener


def _reset(sock: Any) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Wakes a greenlet that reads here; closing alone would leave it until the next event.
        sock.shutdown(socket.SHUT_RD)
    except OSError:
        pass
    sock.close()


def main(control: str, targets: list[str]) -> None:
    routes = {name: Route(int(port)) for name, port in (target.split("=") for target in targets)}

    def talk(sock: Any, _address: Any) -> None:
        for line in sock.makefile("r"):
            asked = json.loads(line)
            answer = routes[asked.pop("route")].set(**asked)
            sock.sendall(json.dumps(answer).encode() + b"\n")

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(control)
    listener.listen(16)
    print(json.dumps({name: route.port for name, route in routes.items()}), flush=True)
    StreamServer(listener, talk).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
