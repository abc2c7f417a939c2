"""flask demo: an account with chats in it, for who works on Macrochat or wants to look around."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import click
import sqlalchemy as sa
from flask import current_app

from ..accounts import service
from ..accounts.models import User
from ..database import new_id, now
from ..extensions import db
from ..replies.trace import Line, encode
from .archive import ArchivedChat
from .printing import say
from .restoring import restore

EMAIL, PASSWORD = "demo@example.org", "macrochat-demo-account"

PYTHON = """Here is one that needs no recursion:

```python
def fibonacci(count: int) -> list[int]:
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]
```

| n | fibonacci(n) |
|--:|:-------------|
| 3 | `[0, 1, 1]` |
| 5 | `[0, 1, 1, 2, 3]` |

1. It starts with the first two numbers,
2. adds the last two until there are **enough**,
3. and cuts what is too much for `count < 2`.
"""
SKY = "Because air scatters **blue** light more than red: the shorter the wave, the more of it comes from all sides."
SKY_THOUGHT = (
    "**Recalling how light scatters**\n\nThe question is a classic. Rayleigh scattering grows with the fourth power of "
    "the frequency.\n\n**Keeping it short**\n\nOne sentence, with the reason and no formula."
)
CHATS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    ("Why the sky is blue", (("Why is the sky blue? In one sentence.", SKY, SKY_THOUGHT),)),
    ("Fibonacci in Python", (("Write a function for the first Fibonacci numbers.", PYTHON, ""),)),
    ("A long one", tuple((f"Tell me fact number {n}.", f"{n} times {n} is {n * n}. " * 12, "") for n in range(1, 61))),
)


@click.command("demo")
def demo() -> None:
    """Make an account with a few chats, unless somebody has an account here already."""
    if current_app.config["SETTINGS"].production:
        raise click.ClickException("Not in production: everybody knows the password of this account")
    if db.session.scalar(sa.select(sa.func.count()).select_from(User)):
        say("Somebody has an account here: nothing was changed")
        return
    user = service.create_user(EMAIL, PASSWORD, "Demo", is_admin=True)
    for age, (title, turns) in enumerate(CHATS):
        restore(ArchivedChat.model_validate(_chat(user, title, turns, age)), user)
    say(f"Sign in as {EMAIL} with the password {PASSWORD}")


def _chat(user: User, title: str, turns: tuple[tuple[str, str, str], ...], days: int) -> dict[str, Any]:
    at, parent = now() - timedelta(days=days), None
    messages: list[dict[str, Any]] = []
    for question, answer, thought in turns:
        asked: uuid.UUID = new_id()
        replied: uuid.UUID = new_id()
        messages.append(_message(asked, parent, "user", question, at))
        reply = {"status": "complete", "model": "demo", "finishReason": "stop", "startedAt": at, "finishedAt": at}
        trace = _trace(thought, at.timestamp()) if thought else None
        messages.append(_message(replied, asked, "assistant", answer, at) | {"reply": reply, "trace": trace})
        parent = replied
    owner = {"id": user.id, "email": user.email, "name": user.name}
    times = {"createdAt": at, "updatedAt": at}
    return {"id": new_id(), "user": owner, "title": title, "headId": parent, "messages": messages, **times}


def _message(id: uuid.UUID, parent: uuid.UUID | None, role: str, content: str, at: Any) -> dict[str, Any]:
    return {"id": id, "parentId": parent, "role": role, "content": content, "createdAt": at}


def _trace(thought: str, began: float) -> str:
    return encode([Line(0, began, "reasoning", thought), Line(0, began + 12, "answer")]).decode()
