"""A fake OpenAI-compatible server: /v1/chat/completions as server-sent events, as punctual as one thread can be.

What a stream is to be stands in the last message: `bench STREAM KIND CELLS`, for example `bench 17 paced 0`.

    paced   its first cell at once (or CELLS of them), then nothing until `start()`, then `rate` a second until `finish()`
    flood   its first cell at once, then nothing until `start()`, then as fast as the reader takes it until `finish()`
    once    CELLS cells at once, and the end

Paced streams are spread evenly over their period. A reader that does not read makes no other stream late: what it does not
take waits, with the stamps of the moments when it was due.
"""

from __future__ import annotations

import re
import socket
import time
from typing import Literal

from benchmarks.relay.loop import READ, TICK_SECONDS, WRITE, Loop
from benchmarks.relay.texts import (
    FIRST_FRAME,
    FLOOD_FRAMES,
    FRAME_BYTES,
    FRAME_HEAD,
    FRAME_TAILS,
    LAST_FRAMES,
    MASK,
    NO_STAMP,
    first_word,
    now_us,
    stamp,
)

PROMPT = re.compile(rb"bench (\d+) (paced|flood|once) (\d+)")
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
MODELS = b'{"object":"list","data":[{"id":"bench","object":"model","created":1760000000,"owned_by":"bench"}]}'
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
READ_BYTES = 65536
FLOOD_CELLS = 320  # about 60 kB a write
FLOOD = memoryview(FLOOD_FRAMES)
SEND_BUFFER = 262_144  # bytes; bounds what a flood has under way
ENDLESS = 1 << 62
Kind = Literal["paced", "flood", "once"]


def prompt(stream: int, kind: Kind, cells: int = 0) -> str:
    return f"bench {stream} {kind} {cells}"


class Upstream:
    """`rate` is the cells a second of each paced stream. `address` is what a relay is given as its base URL."""

    def __init__(self, loop: Loop, rate: float = 50.0, port: int = 0) -> None:
        self._loop = loop
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/v1"
        self.replies: dict[int, Reply] = {}  # by stream, the ended ones too until `forget()`
        self.connections: set[Connection] = set()
        self.lateness: list[float] = []  # seconds that a tick of paced sending came after its time
        self._slots: list[list[Reply]] = [[] for _ in range(max(1, round(1 / rate / TICK_SECONDS)))]
        self._slot_seconds = 1 / rate / len(self._slots)
        self._floods: list[Reply] = []
        self._slot, self._joined = 0, 0
        self._next = float("inf")  # when the next slot is due
        self._finishing = False
        loop.add(self._listener.fileno(), self._accept)
        loop.tick = self._tick

    def start(self) -> None:
        """Paced streams begin to run, floods to flood."""
        self._finishing = False
        self._next = time.monotonic()
        for reply in self._floods:
            reply.flood(ENDLESS)

    def finish(self) -> None:
        """Each paced stream ends at its next turn instead of a cell, each flood after the cell it is in."""
        self._finishing = True
        for reply in self._floods:
            reply.finish()
        self._floods.clear()

    def hang_up(self) -> None:
        """Breaks every connection, in the middle of whatever it says."""
        for connection in list(self.connections):
            connection.close()

    def forget(self) -> None:
        """Between two measurements: nothing runs, nothing is remembered."""
        for slot in self._slots:
            slot.clear()
        self._floods.clear()
        self.replies.clear()
        self.lateness.clear()
        self._next = float("inf")

    def begin(self, reply: Reply, kind: bytes, cells: int) -> None:
        self.replies[reply.stream] = reply
        if kind == b"once":
            reply.say_all(cells)
            return
        reply.say_first(NO_STAMP if kind == b"flood" else stamp())
        if kind == b"flood":
            self._floods.append(reply)
            return
        self._slots[self._joined % len(self._slots)].append(reply)
        self._joined += 1
        if cells > 1:
            reply.flood(cells)

    def close(self) -> None:
        self._loop.remove(self._listener.fileno())
        self._listener.close()

    def _accept(self, _mask: int) -> None:
        for _ in range(64):
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            Connection(self, self._loop, sock)

    def _tick(self) -> bool:
        """Sends one slot that is due, if any: between two of them the loop reads. Whether the next is due as well."""
        now = time.monotonic()
        if now < self._next:
            return False
        self.lateness.append(now - self._next)
        slot = self._slots[self._slot]
        if self._finishing:
            for reply in slot:
                reply.finish()
            slot.clear()
        else:
            gone = False
            for reply in slot:
                gone |= reply.say()
            if gone:
                slot[:] = [reply for reply in slot if reply.open]
        self._slot = (self._slot + 1) % len(self._slots)
        self._next += self._slot_seconds
        return now >= self._next


class Connection:
    """Of a relay. It may be kept for the next request when a reply has ended."""

    def __init__(self, upstream: Upstream, loop: Loop, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._upstream, self._loop, self._sock, self._fd = upstream, loop, sock, sock.fileno()
        self.send_some = sock.send
        self.reply: Reply | None = None
        self._request = b""
        self._waiting = bytearray()  # what the relay did not take yet
        upstream.connections.add(self)
        loop.add(self._fd, self._ready)

    def send(self, data: bytes | memoryview) -> None:
        """What cannot be sent now is sent as soon as the relay reads."""
        if self._waiting:
            self._waiting += data
            return
        try:
            sent = self.send_some(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        if sent < len(data):
            self._waiting += data[sent:]
            self._loop.change(self._fd, READ | WRITE)

    def want_to_write(self) -> None:
        self._loop.change(self._fd, READ | WRITE)

    def close(self) -> None:
        if self._fd < 0:
            return
        self._loop.remove(self._fd)
        self._sock.close()
        self._fd = -1
        self._upstream.connections.discard(self)
        if self.reply is not None:
            self.reply.open = False

    def _ready(self, mask: int) -> None:
        if mask & WRITE:
            self._write()
        if mask & ~WRITE and self._fd >= 0:
            self._read()

    def _write(self) -> None:
        if self._waiting:
            try:
                del self._waiting[: self.send_some(self._waiting)]
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
        if self._waiting:
            return
        if self.reply is not None and self.reply.flooding:
            self.reply.say_more()
        else:
            self._loop.change(self._fd, READ)

    def _read(self) -> None:
        try:
            data = self._sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._request += data
        while (request := self._whole_request()) is not None:
            self._answer(request)

    def _whole_request(self) -> bytes | None:
        head, end, rest = self._request.partition(b"\r\n\r\n")
        if not end:
            return None
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if len(rest) < size:
            return None
        self._request = rest[size:]
        return head + end + rest[:size]

    def _answer(self, request: bytes) -> None:
        found = PROMPT.findall(request)
        if found:
            stream, kind, cells = found[-1]
            self.reply = Reply(self, int(stream))
            self._upstream.begin(self.reply, kind, int(cells))
        elif request.startswith(b"GET "):
            self.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(MODELS)
                + MODELS
            )
        else:
            self.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class Reply:
    """One stream. `cells` have been said; `arrived` is when its request was here, `began` when its first cell left."""

    __slots__ = ("_connection", "_first", "_target", "arrived", "began", "cells", "open", "stream")

    def __init__(self, connection: Connection, stream: int) -> None:
        self.arrived = now_us()
        self.stream = stream
        self.cells = 0
        self.began = 0
        self.open = True
        self._target = 0
        self._connection = connection
        self._first = first_word(stream)

    @property
    def flooding(self) -> bool:
        return self.cells < self._target

    def say_first(self, moment: bytes) -> None:
        self.began = now_us()
        self._connection.send(b"".join((HEAD, FIRST_FRAME, FRAME_HEAD, moment, FRAME_TAILS[self._first])))
        self.cells = 1

    def say(self) -> bool:
        """A cell more; returns whether the relay has gone instead."""
        if self.open:
            self._connection.send(b"".join((FRAME_HEAD, stamp(), FRAME_TAILS[self._first + self.cells & MASK])))
            self.cells += 1
        return not self.open

    def say_all(self, cells: int) -> None:
        self.began = now_us()
        frames = [HEAD, FIRST_FRAME]
        for position in range(cells):
            frames += (FRAME_HEAD, stamp(), FRAME_TAILS[self._first + position & MASK])
        self.cells = cells
        self._end(b"".join((*frames, LAST_FRAMES)))

    def flood(self, cells: int) -> None:
        """As fast as the relay takes it, until so many have been said."""
        if self.open:
            self._target = cells
            self._connection.want_to_write()

    def say_more(self) -> None:
        """Some cells of a flood. Called whenever the relay has taken the last ones."""
        count = min(FLOOD_CELLS, self._target - self.cells)
        at = (self._first + self.cells & MASK) * FRAME_BYTES
        self._connection.send(FLOOD[at : at + count * FRAME_BYTES])
        self.cells += count

    def finish(self) -> None:
        if self.open:
            self._target = 0
            self._end(LAST_FRAMES)

    def _end(self, data: bytes) -> None:
        self.open = False
        connection, connection.reply = self._connection, None
        connection.send(data)
