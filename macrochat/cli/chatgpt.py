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
NOTES = {"image_asset_pointer": "[image]", "audio_asset_pointer": "[audio]"}


def chat_from(conversation: Node, user: dict[str, Any]) -> dict[str, Any]:
    """One conversation in the shape of `archive.ArchivedChat`. Raises KeyError, TypeError or ValueError for another's.

    Ids are derived from the user's and the original ones: who imports a file twice gets one copy, and two people who
    import the same shared conversation get one each.
    """
    nodes: dict[str, Node] = conversation["mapping"]
    original = str(conversation.get("conversation_id") or conversation["id"])
    began = float(conversation.get("create_time") or 0)
    owner = str(user["id"])
    kept = {name for name, node in nodes.items() if _text(node.get("message") or {})}
    head = _nearest(nodes, kept, conversation.get("current_node"))
    return {
        "id": _id(began, owner, original),
        "user": user,
        "title": titles.fit(str(conversation.get("title") or "").strip().replace("\0", "")) or "Imported chat",
        "headId": head and _id(_time(nodes[head], began), owner, original, head),
        "createdAt": _iso(began),
        "updatedAt": _iso(float(conversation.get("update_time") or began)),
        "messages": [_message(nodes, kept, name, (owner, original), began) for name in nodes if name in kept],
    }


def _message(nodes: dict[str, Node], kept: set[str], name: str, whose: tuple[str, str], began: float) -> dict[str, Any]:
    message: Node = nodes[name]["message"]
    parent = _nearest(nodes, kept, nodes[name].get("parent"))
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
        model = str((message.get("metadata") or {}).get("model_slug") or "chatgpt")[:255]
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


def _nearest(nodes: dict[str, Node], kept: set[str], name: str | None) -> str | None:
    """The node itself, or the first of its ancestors that is kept. Raises ValueError for a circle."""
    seen = set()
    while name is not None and name not in kept:
        if name in seen:
            raise ValueError("the messages form a circle")
        seen.add(name)
        name = (nodes.get(name) or {}).get("parent")
    return name


def _time(node: Node, default: float) -> float:
    return float((node.get("message") or {}).get("create_time") or default)


def _id(seconds: float, *parts: str) -> str:
    """A UUIDv7 (RFC 9562) whose random bits are a hash of `parts`: it sorts by time and is always the same."""
    digest = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:10], "big")
    value = (int(seconds * 1000) & ((1 << 48) - 1)) << 80 | digest
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=value & ~(0b11 << 62) | 0b10 << 62))


def _iso(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
