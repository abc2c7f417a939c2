"""Chats and the messages in them. Finding a chat is being allowed to: every look-up names its owner."""

from __future__ import annotations

import contextlib
import contextvars
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from blinker import Namespace
from flask import current_app
from sqlalchemy.orm import Session, defer

from ..accounts import limits
from ..bodies import invalid
from ..database import now, octets, write
from ..errors import NotFound
from ..extensions import db
from ..stacks import in_thread
from .cursors import Place
from .models import Chat, Message
from .titles import DEFAULT_TITLE

T = TypeVar("T")
MESSAGES = 200  # of a chat in one answer, and
PAGE_BYTES = 1 << 20  # bytes
HISTORY_BYTES = 4 << 20  # of what is said before a question: a million tokens, which is more than models take

# Sent with `chat_id` when a chat is nobody's any more.
chat_deleted = Namespace().signal("chat-deleted")
_DISOWN = sa.update(Chat.__table__).where(Chat.id == sa.bindparam("chat")).values(user_id=None)  # type: ignore[arg-type]

MessageRow = sa.Row[Any]  # with the columns of a Message by name


class Known(NamedTuple):
    """What `replies` knows of an assistant's message. `parts` are both lanes of its reply, merged, if asked for."""

    content: str
    metadata: dict[str, Any]
    parts: list[dict[str, Any]]


# By the message's id; whether parts are asked for.
Describe = Callable[[Sequence[MessageRow], bool], dict[uuid.UUID, Known]]


class Branch(NamedTuple):
    """Messages, oldest first, and the oldest one's id when there are more before it."""

    messages: Sequence[MessageRow]
    before: uuid.UUID | None


class Listed(NamedTuple):
    """Chats, newest `updated_at` first, and the place behind the last of them; None where the list ends."""

    chats: list[Chat]
    next: Place | None


def list_page(user_id: uuid.UUID, page: int, limit: int, q: str = "") -> tuple[Listed, int]:
    """A page of the user's chats by its number, and how many there are on all. `q` is looked for in titles."""
    mine = _mine(user_id, q)

    def look(session: Session) -> tuple[Listed, int]:
        total = session.scalar(sa.select(sa.func.count()).select_from(Chat).where(*mine)) or 0
        return _listed(session, sa.select(Chat).where(*mine).offset((page - 1) * limit), limit), total

    return _search(look, q)


def list_behind(user_id: uuid.UUID, place: Place | None, limit: int, q: str = "") -> Listed:
    """The user's chats behind a place, the newest for None. `q` is looked for in titles.

    Read from place to place, every chat that nobody touches meanwhile is listed once. What is read are the entries of
    the index behind the place, however far down it is.
    """
    query = sa.select(Chat).where(*_mine(user_id, q))
    if place is not None:
        query = query.where(sa.tuple_(Chat.updated_at, Chat.id) < place)
    return _search(lambda session: _listed(session, query, limit), q)


def count_before(chat: Chat, most: int) -> int | None:
    """How many of its owner's chats stand before this one in their list; None for more than `most`."""
    before = sa.select(sa.literal(1)).where(
        Chat.user_id == chat.user_id, sa.tuple_(Chat.updated_at, Chat.id) > Place(chat.updated_at, chat.id)
    )
    count = db.session.scalar(sa.select(sa.func.count()).select_from(before.limit(most + 1).subquery())) or 0
    return count if count <= most else None


def create(user_id: uuid.UUID, *, title: str | None, model: str | None, system_prompt: str | None) -> Chat:
    limits.count_stored(user_id, system_prompt or "")
    chat = Chat(user_id=user_id, title=title or DEFAULT_TITLE, model=model, system_prompt=system_prompt)
    with write() as session:
        session.add(chat)
    return chat


def get(user_id: uuid.UUID, chat_id: uuid.UUID) -> Chat:
    return Chat.owned_by(user_id, chat_id)


def find(user_id: uuid.UUID, name: str) -> Chat | None:
    """The user's chat of this name: what a client calls it, or our id."""
    found: Chat | None = db.session.scalar(_NAMED, {"user": user_id, "name": name})
    if found is None:
        with contextlib.suppress(ValueError):
            found = db.session.scalar(_BY_ID, {"user": user_id, "chat": uuid.UUID(name)})
    return found


def named(user_id: uuid.UUID, name: str) -> Chat:
    """The same; made if there is none."""
    if found := find(user_id, name):
        return found
    try:
        with write() as session:
            chat = Chat(user_id=user_id, title=DEFAULT_TITLE, client_id=name)
            session.add(chat)
        return chat
    except sa.exc.IntegrityError:  # another request of this client was quicker
        found = find(user_id, name)
        if found is None:
            raise
        return found


_NAMED = sa.select(Chat).where(Chat.user_id == sa.bindparam("user"), Chat.client_id == sa.bindparam("name"))
_BY_ID = sa.select(Chat).where(Chat.user_id == sa.bindparam("user"), Chat.id == sa.bindparam("chat"))


def update(user_id: uuid.UUID, chat_id: uuid.UUID, changes: dict[str, Any]) -> Chat:
    """`changes` by column name: any of title, model, system_prompt."""
    limits.count_stored(user_id, changes.get("system_prompt") or "")
    with write():
        chat = Chat.owned_by(user_id, chat_id, lock=True)
        for column, value in changes.items():
            setattr(chat, column, value)
        chat.updated_at = now()
    return chat


def delete(user_id: uuid.UUID, chat_id: uuid.UUID) -> None:
    """The chat is gone for everybody, by one small transaction. What was in it is taken away by who hears of it."""
    with write() as session:
        Chat.owned_by(user_id, chat_id, lock=True)
        session.execute(_DISOWN, {"chat": chat_id})
    chat_deleted.send(chat_id=chat_id)


def branch(chat: Chat, *, before: uuid.UUID | None = None, limit: int = MESSAGES, parts: bool = True) -> Branch:
    """The newest messages of the branch that is shown, or of what comes before one of the chat's messages.

    At most `limit`, and at most PAGE_BYTES of them unless a single message has more. `parts` tell the content again.
    Raises ValidationError for a message that is not in the chat.
    """
    leaf = chat.head_id if before is None else _parent_of(chat, before)
    query = _BRANCH_IN_PARTS if parts else _BRANCH
    found = db.session.execute(query, {"chat": chat.id, "leaf": leaf, "newest": limit, "octets": PAGE_BYTES}).all()
    more = bool(found) and found[0].parent_id is not None
    return Branch(found, found[0].id if more else None)


def _parent_of(chat: Chat, message_id: uuid.UUID) -> uuid.UUID | None:
    row = db.session.execute(_PARENT, {"chat": chat.id, "message": message_id}).first()
    if row is None:
        raise invalid("before", "must be a message of this chat")
    return row.parent_id  # type: ignore[no-any-return]


_PARENT = sa.select(Message.parent_id).where(
    Message.chat_id == sa.bindparam("chat"), Message.id == sa.bindparam("message")
)


def said(chat_id: uuid.UUID, leaf: uuid.UUID | None, newest: int) -> Sequence[sa.Row[tuple[uuid.UUID, str, str]]]:
    """(id, role, content) of the newest messages up to `leaf`, oldest first; at most HISTORY_BYTES of content."""
    bounds = {"newest": newest, "octets": HISTORY_BYTES}
    return db.session.execute(_SAID, {"chat": chat_id, "leaf": leaf, **bounds}).all()


def _mine(user_id: uuid.UUID, q: str) -> list[sa.ColumnElement[bool]]:
    mine = [Chat.user_id == user_id]
    if q:
        mine.append(_holds(Chat.title, q))
    return mine


def _holds(text: Any, words: str) -> sa.ColumnElement[bool]:
    """Whether the words stand in the text, in whatever case. LIKE tries every place anew: it can be 70 times slower."""
    position = sa.func.instr if db.engine.dialect.name == "sqlite" else sa.func.strpos
    return position(sa.func.lower(text), sa.func.lower(words)) > 0  # type: ignore[no-any-return]


def _search(look: Callable[[Session], T], q: str) -> T:
    """What `look` finds. SQLite reads every title of a search here: of 100,000 chats for 200 ms, so in a thread."""
    session = db.session()
    if not q or session.get_bind().dialect.name != "sqlite":
        return look(session)
    session.connection()  # taken here: the pool is gevent's
    return in_thread(contextvars.copy_context().run, look, session)


def _listed(session: Session, query: sa.Select[Chat], limit: int) -> Listed:
    """The first `limit` of these chats; one more is read to know whether there are more. Their prompts stay unread."""
    query = query.options(_WITHOUT_PROMPTS).order_by(Chat.updated_at.desc(), Chat.id.desc())
    found = list(session.scalars(query.limit(limit + 1)))
    chats = found[:limit]
    return Listed(chats, Place(chats[-1].updated_at, chats[-1].id) if len(found) > limit else None)


_WITHOUT_PROMPTS = defer(Chat.system_prompt, raiseload=True)


def _path(*what: Any, size: sa.ColumnElement[int]) -> sa.Select[Any]:
    """From message `:leaf` up towards the root, at most `:newest` of them, oldest first. Built once: it is costly.

    It ends before they have more than `:octets` bytes by `size` (but has the leaf); what is beyond is not even read.
    """
    start = sa.select(Message.id, Message.parent_id, sa.literal(1).label("depth"), size.label("size"))
    start = start.where(Message.id == sa.bindparam("leaf"), Message.chat_id == sa.bindparam("chat"))
    tree = start.cte("branch", recursive=True)
    up = sa.select(Message.id, Message.parent_id, tree.c.depth + 1, tree.c.size + size)
    up = up.join(tree, Message.id == tree.c.parent_id).where(tree.c.depth < sa.bindparam("newest"))
    tree = tree.union_all(up.where(tree.c.size + size <= sa.bindparam("octets")))
    return sa.select(*what).join(tree, Message.id == tree.c.id).order_by(tree.c.depth.desc())


_SIZE = octets(Message.content)
_SHOWN = (
    *(Message.id, Message.chat_id, Message.parent_id, Message.role),
    *(Message.content, Message.meta, Message.created_at),
)
_BRANCH = _path(*_SHOWN, size=_SIZE)
_BRANCH_IN_PARTS = _path(*_SHOWN, size=2 * _SIZE + sa.func.coalesce(octets(Message.trace), 0))
_SAID = _path(Message.id, Message.role, Message.content, size=_SIZE)


def describe(messages: Sequence[MessageRow], *, parts: bool = True) -> list[dict[str, Any]]:
    """Messages as the API shows them; what their replies know is asked of `replies`."""
    known: dict[uuid.UUID, Known] = {}
    if hook := current_app.extensions.get("macrochat.describe"):
        known = hook(messages, parts)
    shown = [(message, known.get(message.id) or _said_by_a_person(message)) for message in messages]
    return [_show(message, known) | ({"parts": known.parts} if parts else {}) for message, known in shown]


def _said_by_a_person(message: MessageRow) -> Known:
    text = message.content
    return Known(text, message.meta, [{"type": "text", "text": text}] if text else [])


def not_found() -> NotFound:
    return NotFound("Chat not found or access denied", code="CHAT_NOT_FOUND")


def _show(message: MessageRow, known: Known) -> dict[str, Any]:
    return {
        "id": str(message.id),
        "chatId": str(message.chat_id),
        "parentId": str(message.parent_id) if message.parent_id else None,
        "role": message.role,
        "content": known.content,
        "metadata": known.metadata,
        "embedding": None,
        "createdAt": message.created_at,
    }
