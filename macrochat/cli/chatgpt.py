"""ChatGPT's export (conversations.json, alone or in its zip) as archived chats.

Kept are what people and the model said to each other, with branches and times. What the model said to its tools, their
answers, hidden messages and files are left out; a picture leaves a note in its place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from typing import Any

from ..chats import titles

Node = dict[str, Any]
SPEAKERS = ("user", "assistant")
LATEST = 250_000_000_000.0  # seconds since 1970: the year 9892
NOTES = {"image_asset_pointer": "[image]", "audio_asset_pointer": "[audio]"}


def chat_from(conversation: Node, user: dict[str, Any]) -> dict[str, Any]:
    """One conversation in the shape of `archive.ArchivedChat`. Raises KeyError, TypeError or ValueError for another's.

    Ids are derived from the user's and the original ones: who imports a file twice gets one copy, and two people who
    import the same shared conversation get one each.
    """
    nodes: dict[str, Node] = {name: node for name, node in conversation["mapping"].items() if isinstance(node, dict)}
    original = str(conversation.get("conversation_id") or conversation["id"])
    began = _seconds(conversation.get("create_time"), 0.0)
    owner = str(user["id"])
    kept = {name for name, node in nodes.items() if _text(node.get("message") or {})}
    nearest = _Nearest(nodes, kept)
    head = nearest(conversation.get("current_node"))
    return {
        "id": _id(began, owner, original),
        "user": user,
        "title": titles.fit(_clean(conversation.get("title")).strip()) or "Imported chat",
        "headId": head and _id(_time(nodes[head], began), owner, original, head),
        "createdAt": _iso(began),
        "updatedAt": _iso(_seconds(conversation.get("update_time"), began)),
        "messages": [_message(nodes, nearest, name, (owner, original), began) for name in nodes if name in kept],
    }


def _message(
    nodes: dict[str, Node], nearest: _Nearest, name: str, whose: tuple[str, str], began: float
) -> dict[str, Any]:
    message: Node = nodes[name]["message"]
    parent = nearest(nodes[name].get("parent"))
    moment = _time(nodes[name], began)
    role = message["author"]["role"]
    archived = {
        "id": _id(moment, *whose, name),
        "parentId": parent and _id(_time(nodes[parent], began), *whose, parent),
        "role": role,
        "content": _text(message),
        "metadata": {"importedFrom": "chatgpt"},
        "createdAt": _iso(moment),
    }
    if role == "assistant":
        model = _clean((message.get("metadata") or {}).get("model_slug"))[:255] or "chatgpt"
        times = {"startedAt": _iso(moment), "finishedAt": _iso(moment)}
        archived["reply"] = {"status": "complete", "model": model, "provider": "import", **times}
    return archived


def _text(message: Node) -> str:
    """What was said in a message that people see; empty for all others."""
    role = (message.get("author") or {}).get("role")
    hidden = (message.get("metadata") or {}).get("is_visually_hidden_from_conversation")
    if role not in SPEAKERS or hidden or message.get("recipient") not in (None, "all"):
        return ""
    content = message.get("content") or {}
    kind = content.get("content_type")
    if kind == "code":
        return f"```\n{_clean(content.get('text'))}\n```"
    if kind not in ("text", "multimodal_text"):
        return ""
    said = [_part(part) for part in content.get("parts") or []]
    return "\n\n".join(text for text in said if text.strip())


def _part(part: object) -> str:
    if isinstance(part, dict):
        return NOTES.get(str(part.get("content_type")), _clean(part.get("text")))
    return _clean(part)


def _clean(text: object) -> str:
    """Without what cannot be stored: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "").encode(errors="replace").decode() if isinstance(text, str) else ""


class _Nearest:
    """A node itself, or the first of its ancestors that is kept. Raises ValueError for a circle.

    Each node is passed once, however many ask.
    """

    def __init__(self, nodes: dict[str, Node], kept: set[str]) -> None:
        self._nodes = nodes
        self._known: dict[str | None, str | None] = {None: None} | {name: name for name in kept}

    def __call__(self, name: str | None) -> str | None:
        passed: dict[str | None, None] = {}
        while name not in self._known:
            if name in passed:
                raise ValueError("the messages form a circle")
            passed[name] = None
            name = (self._nodes.get(name) or {}).get("parent") if name is not None else None
        found = self._known[name]
        self._known |= dict.fromkeys(passed, found)
        return found


def _time(node: Node, default: float) -> float:
    return _seconds((node.get("message") or {}).get("create_time"), default)


def _seconds(value: object, default: float) -> float:
    """A time since 1970; `default` for what is none, or lies outside of what a calendar or a UUIDv7 can hold."""
    known = isinstance(value, int | float) and 0 < value < LATEST
    return float(value) if known else default  # type: ignore[arg-type]


def _id(seconds: float, *parts: str) -> str:
    """A UUIDv7 (RFC 9562) whose random bits are a hash of `parts`: it sorts by time and is always the same."""
    digest = int.from_bytes(hashlib.sha256("\0".join(parts).encode(errors="replace")).digest()[:10], "big")
    value = (int(seconds * 1000) & ((1 << 48) - 1)) << 80 | digest
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62))


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
