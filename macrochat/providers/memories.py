"""What goes back of an earlier answer's trace, beside its words: only what its server wants back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from macrochat.providers.base import Opaque, Trace
from macrochat.providers.keepsakes import FIELDS


def remembering(messages: Iterable[dict[str, Any]], *, wanted: bool) -> list[dict[str, Any]]:
    """The messages as they go out: without `trace`, and if it is wanted, with what it holds for the server."""
    return [_outgoing(message, wanted) for message in messages]


def _outgoing(message: dict[str, Any], wanted: bool) -> dict[str, Any]:
    trace = message.get("trace")
    if trace is None:
        return message
    plain = {name: value for name, value in message.items() if name != "trace"}
    return plain | (_kept(trace) if wanted else {})


def _kept(trace: Iterable[Trace]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for piece in trace:
        if isinstance(piece, Opaque):
            kept |= {name: piece.value[name] for name in FIELDS if name in piece.value}
    return kept
