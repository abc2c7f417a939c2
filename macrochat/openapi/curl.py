"""A command of curl to try an operation with, to be pasted into a shell."""

from __future__ import annotations

import json
import re

from .examples import example
from .operations import EVENTS, JSON, Schema

KEY = '"X-API-KEY: $MACROCHAT_KEY"'
NEXT_LINE = " \\\n  "


def command(path: str, method: str, described: Schema, components: Schema, root: str) -> str:
    """`$MACROCHAT_KEY` is the reader's key; an id in the path is a variable of the shell, such as `$CHAT_ID`."""
    body = described.get("requestBody")
    parts = ["curl -N" if _streams(described) else "curl"]
    if method != ("post" if body else "get"):
        parts[0] += f" -X {method.upper()}"
    parts[0] += f' "{root}{_path(path)}{_query(described)}"'
    parts += _credentials(described)
    parts += [f"-H '{one['name']}: {one['example']}'" for one in _given(described, "header")]
    if body:
        sent = example(body["content"][JSON]["schema"], components, sent=True)
        parts += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(sent, ensure_ascii=False)}'"]
    return NEXT_LINE.join(parts)


def _path(path: str) -> str:
    """`{chatId}` as `$CHAT_ID`."""
    return re.sub(r"{(\w+)Id}", lambda match: f"${match[1].upper()}_ID", path)


def _query(described: Schema) -> str:
    pairs = [f"{one['name']}={one['example']}" for one in _given(described, "query")]
    return f"?{'&'.join(pairs)}" if pairs else ""


def _given(described: Schema, place: str) -> list[Schema]:
    return [one for one in described.get("parameters", []) if one["in"] == place and "example" in one]


def _credentials(described: Schema) -> list[str]:
    ways = {name for way in described["security"] for name in way}
    if "apiKey" in ways:
        return [f"-H {KEY}"]
    if "metricsToken" in ways:
        return ['-H "Authorization: Bearer $MACROCHAT_METRICS_TOKEN"']
    if "session" in ways:
        return ["-b cookies.txt"]
    return (
        ["-c cookies.txt"]
        if any("Set-Cookie" in answer["headers"] for answer in described["responses"].values())
        else []
    )


def _streams(described: Schema) -> bool:
    return any(EVENTS in answer.get("content", {}) for answer in described["responses"].values())
