"""Reading a reply from the application in this process, where a cut body is an exception."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from macrochat.replies.reading.bodies import BodyCut
from tests.replies.asking import question


@dataclass
class Heard:
    """`cut`: why the body broke, or None if it came to its end."""

    answer: Any
    data: bytes
    cut: str | None

    @property
    def reply_id(self) -> str:
        return str(self.answer.headers["X-Reply-Id"])

    @property
    def question_id(self) -> str:
        return str(self.answer.headers["X-User-Message-Id"])


def hear(answer: Any) -> Heard:
    """Reads a 200 or 206 to its end."""
    assert answer.status_code in (200, 206), answer.text
    pieces: list[bytes] = []
    try:
        pieces.extend(answer.response)
    except BodyCut as cut:
        return Heard(answer, b"".join(pieces), cut.reason)
    return Heard(answer, b"".join(pieces), None)


def post(person: Any, chat: str, body: object, **headers: str) -> Any:
    """POSTs any body to a chat's stream, in ASCII, so that half a surrogate pair gets there too."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"/api/chats/{chat}/stream"
    return person.post(url, data=json.dumps(body), content_type="application/json", headers=named)


def tell(
    person: Any, chat: str, text: str, model: str = "scripted-echo", *, key: str | None = None, **more: Any
) -> Heard:
    """Sends a message and reads its reply to the end."""
    headers = {"Idempotency_Key": key} if key else {}
    return hear(post(person, chat, question(text, model=model, **more), **headers))
