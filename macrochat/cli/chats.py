"""flask chats: what people said."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
import sqlalchemy as sa
from flask import current_app

from ..accounts.models import User
from ..bodies import MIB, check
from ..chats import service
from ..chats.models import Chat, Message
from ..errors import ValidationError
from ..extensions import db
from ..logs import get_logger
from ..replies import deletion
from . import archive, chatgpt, reading, restoring, shown
from .printing import say
from .shown import Room, as_json, find_user, require_id, yes

audit = get_logger("audit")
group = Room("chats", help="Chats: list, export, import, delete.")


@group.command("list")
@click.option("--user", help="Only theirs.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@as_json
def list_chats(user: str | None, limit: int, as_json: bool) -> None:
    """List chats, the last used first."""
    messages = sa.select(sa.func.count()).where(Message.chat_id == Chat.id).scalar_subquery()
    query = sa.select(Chat, User.email, messages).join(User, User.id == Chat.user_id).where(User.deleted_at.is_(None))
    owner = find_user(user).id if user is not None else None
    if owner is not None:
        query = query.where(Chat.user_id == owner)
    rows = [
        {"id": chat.id, "user": email, "title": chat.title, "messages": count, "updated": chat.updated_at}
        for chat, email, count in db.session.execute(query.order_by(Chat.updated_at.desc()).limit(limit))
    ]
    audit.info("chats listed", count=len(rows), **shown.whose(owner))
    shown.show(rows, ("id", "user", "messages", "updated", "title"), as_json=as_json)


@group.command("export")
@click.option("--user", help="Only theirs.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="A file. Default: standard output.")
def export(user: str | None, output: Path | None) -> None:
    """Write chats with all their messages as JSON Lines, for `chats import`."""
    user_id = find_user(user).id if user is not None else None
    length = archive.count(user_id)
    audit.info("chats exported", count=length, **shown.whose(user_id))
    if output is None:
        _write(sys.stdout.buffer, user_id, length)
        return
    draft = output.with_name(f".{output.name}.{os.getpid()}")  # the file appears whole or not at all
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            _write(out, user_id, length)
        draft.replace(output)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--user", help="Everything becomes theirs. Needed for ChatGPT's files.")
@click.option("--create-users", is_flag=True, help="Create people who are missing here; they get no password.")
@click.option(
    "--max-chat-mib", type=click.IntRange(1, 4096), default=256, show_default=True, help="Leave out longer chats."
)
def import_chats(file: Path, user: str | None, create_users: bool, max_chat_mib: int) -> None:
    """Read chats from a file of `chats export`, or from ChatGPT's conversations.json or zip.

    What is there already stays as it is, so a file may be read again. A chat that cannot be read costs a line, and the
    others are read; the exit code is 1 then.
    """
    owner = find_user(user) if user is not None else None
    chats = messages = failed = 0
    with file.open("rb") as source, shown.progress((), file.stat().st_size, "Importing") as bar:
        done = 0
        for place, read in _records(source, owner, max_chat_mib * MIB):
            try:
                chat = check(archive.ArchivedChat, read())
                whose = owner or restoring.owner_of(chat, create=create_users)
                new_chats, new_messages = restoring.restore(chat, whose)
                chats, messages = chats + new_chats, messages + new_messages
            except (ValidationError, click.ClickException) as error:
                failed += 1
                say(f"{place}: {error.message}", err=True)
            bar.update(source.tell() - done)
            done = source.tell()
    audit.info("chats imported", chats=chats, messages=messages, **shown.whose(owner.id if owner else None))
    say(f"{chats} chats and {messages} messages are new")
    if failed:
        raise click.ClickException(f"{failed} chats could not be read")


@group.command("delete")
@click.argument("chat_id")
@yes
def delete(chat_id: str, yes: bool) -> None:
    """Delete a chat and all in it. A reply that runs ends within a second."""
    chat = db.session.get(Chat, require_id(chat_id, "chat"))
    if chat is None or chat.user_id is None:
        raise click.ClickException(f"There is no chat {chat_id!r}")
    if not yes:
        click.confirm(f"Delete the chat {shown.cell(chat.title)!r}? This cannot be undone", abort=True)
    owner, found = chat.user_id, chat.id
    service.delete(owner, found)
    audit.info("chat deleted", chat_id=str(found), **shown.whose(owner))
    deletion.finish(current_app.config["SETTINGS"])
    say("deleted")


def _write(out: BinaryIO, user_id: Any, length: int) -> None:
    out.write(archive.line(archive.header()))
    with shown.progress(archive.export(user_id), length, "Exporting") as chats:
        for pieces in chats:
            out.writelines(pieces)
    out.flush()


def _records(source: BinaryIO, owner: User | None, most: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Where each chat of the file is, and how to read it: that raises ClickException."""
    zipped = source.read(2) == b"PK"
    source.seek(0)
    if zipped or reading.is_list(source):
        if owner is None:
            raise click.ClickException("ChatGPT's export names nobody: say whose it becomes with --user")
        yield from _chatgpt(source, owner, most)
        return
    found = reading.lines(source, most)
    first = _parse(next(found, b""), most)
    if first.get("type") != archive.FORMAT or first.get("version") != archive.VERSION:
        raise click.ClickException("This is neither a file of `chats export` nor ChatGPT's")
    for number, text in enumerate(found, start=2):
        if text is None or text.strip():
            yield f"line {number}", functools.partial(_parse, text, most)


def _chatgpt(source: BinaryIO, owner: User, most: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    whose = {"id": str(owner.id), "email": owner.email}
    with _conversations(source) as conversations:
        for number, text in enumerate(reading.items(conversations, most), start=1):
            yield f"conversation {number}", functools.partial(_conversation, text, most, whose)


@contextlib.contextmanager
def _conversations(source: BinaryIO) -> Iterator[BinaryIO]:
    if not zipfile.is_zipfile(source):
        source.seek(0)
        yield source
        return
    try:
        with zipfile.ZipFile(source) as package:
            names = [name for name in package.namelist() if name.rpartition("/")[2] == "conversations.json"]
            if not names:
                raise click.ClickException("There is no conversations.json in this zip")
            with package.open(names[0]) as conversations:
                yield cast(BinaryIO, conversations)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):  # encrypted, odd or cut
        raise click.ClickException("The zip cannot be read") from None


def _conversation(text: bytes | None, most: int, whose: dict[str, Any]) -> dict[str, Any]:
    conversation = _parse(text, most)
    try:
        return chatgpt.chat_from(conversation, whose)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, RecursionError):
        raise click.ClickException("this is not a conversation as ChatGPT exports them") from None


def _parse(text: bytes | None, most: int) -> dict[str, Any]:
    if text is None:
        raise click.ClickException(f"longer than {most // MIB} MiB: see --max-chat-mib")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise click.ClickException("not JSON: is the file whole?") from None
    if not isinstance(found, dict):
        raise click.ClickException("not a JSON object")
    return found
