"""One answer on its way out: HTTP framing, server-sent events, chat completion chunks, and the pace of words."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any

import gevent

from macrochat.providers.scripted.state import Record
from macrochat.providers.scripted.texts import Messages

# Words without a pace go out this many at once: still one event each, but not one system call each.
UNPACED_BATCH = 50


class Hang(Exception):
    """The script wants the connection left open until the client goes."""


class Broken(Exception):
    """The script has ended the connection, or wants it ended now."""


class Stream:
    """`begin` must come first. What is sent counts in the record's `bytes_sent` (body bytes, before HTTP framing)."""

    def __init__(self, sock: Any, record: Record, *, include_usage: bool) -> None:
        self.sock = sock
        self.record = record
        self.chunked = True
        self.line_end = b"\n"
        self._include_usage = include_usage
        self._begun = False
        self._head = {"id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": int(record.started)}
        self._head["model"] = record.model
        self._text_start = json.dumps({**self._head, "choices": []})[:-2].encode() + b'{"index":0,"delta":{"content":'
        self._tokens = 0

    def begin(self, role: bool = True) -> None:
        """Headers, and the role-only delta that servers send before the first word."""
        if self._begun:
            return
        self.answer(200, {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        if role:
            self.delta({"role": "assistant", "content": ""})

    def answer(self, status: int, headers: dict[str, str]) -> None:
        """The head."""
        self._begun = True
        coding = "Transfer-Encoding: chunked" if self.chunked else "Connection: close"
        lines = [f"HTTP/1.1 {status} Scripted", *(f"{k}: {v}" for k, v in headers.items()), coding]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    def words(self, units: Iterable[str], ms: float = 0) -> None:
        """Text deltas, the first at once, the next `ms` after it. Late ones go at once: the pace is kept on average."""
        if ms:
            self._paced(units, ms / 1000)
            return
        batch: list[bytes] = []
        for unit in units:
            batch.append(self._text_event(unit))
            if len(batch) == UNPACED_BATCH:
                self._send_frames(batch)
                batch = []
                gevent.sleep(0)
        self._send_frames(batch)

    def delta(self, delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> None:
        self.chunk({"choices": [{"index": index, "delta": delta, "finish_reason": finish_reason}]})

    def chunk(self, fields: dict[str, Any]) -> None:
        self.event(json.dumps({**self._head, **fields}).encode())

    def event(self, data: bytes) -> None:
        self.raw(b"data: " + data + self.line_end * 2)

    def raw(self, body: bytes) -> None:
        self._send_frames([body])

    def finish(self, reason: str = "stop") -> None:
        self.delta({}, finish_reason=reason)

    def usage(self, messages: Messages) -> None:
        if self._include_usage:
            prompt = sum(len(str(m["content"]).split()) for m in messages)
            usage = {"prompt_tokens": prompt, "completion_tokens": self._tokens, "total_tokens": prompt + self._tokens}
            self.chunk({"choices": [], "usage": usage})

    def done(self) -> None:
        self.event(b"[DONE]")

    def end(self) -> None:
        """The end of the HTTP body."""
        if self.chunked:
            self.sock.sendall(b"0\r\n\r\n")
        else:
            raise Broken  # only the connection's end ends such a body

    def reset(self) -> None:
        """A TCP reset instead of an end: what the kernel sends when a process with unread data dies."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Broken

    def _paced(self, units: Iterable[str], seconds: float) -> None:
        start = time.monotonic()
        for k, unit in enumerate(units):
            if (left := start + k * seconds - time.monotonic()) > 0:
                gevent.sleep(left)
            self._send_frames([self._text_event(unit)])

    def _text_event(self, text: str) -> bytes:
        self._tokens += 1
        rest = json.dumps(text).encode() + b'},"finish_reason":null}]}' + self.line_end * 2
        return b"data: " + self._text_start + rest

    def _send_frames(self, bodies: list[bytes]) -> None:
        if self.chunked:
            self.sock.sendall(b"".join(b"%x\r\n%b\r\n" % (len(body), body) for body in bodies if body))
        else:
            self.sock.sendall(b"".join(bodies))
        self.record.bytes_sent += sum(map(len, bodies))
