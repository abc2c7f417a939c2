"""What all commands share: known troubles are one sentence and exit code 1 (wrong arguments are 2), tables for people,
`--json` for programs, progress on standard error.
"""

from __future__ import annotations

import datetime as dt
import functools
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click
import sqlalchemy as sa
from flask.cli import AppGroup, with_appcontext
from structlog.contextvars import bound_contextvars

from ..accounts.forms import canonical_email
from ..accounts.models import User
from ..database import is_outage, iso, reason
from ..errors import MacrochatError
from ..extensions import db
from ..logs import keep_errors_and_audit
from ..ops.health import NotReady, check_database, check_schema
from .printing import harmless, harmless_json, harmless_line, operator, say

T = TypeVar("T")
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")


class Room(AppGroup):
    """A noun. Its commands are `guarded`."""

    def command(self, *args: Any, needs_database: bool = True, **kwargs: Any) -> Any:  # type: ignore[override]
        register = super().command(*args, **kwargs)  # type: ignore[no-untyped-call]
        return lambda function: register(guarded(function, needs_database=needs_database))


def standalone(name: str, **kwargs: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command that is no noun's."""

    def register(function: Callable[..., Any]) -> click.Command:
        run: Callable[..., Any] = with_appcontext(guarded(function, needs_database=False))
        decorate: Any = click.command(name, **kwargs)
        command: click.Command = decorate(run)
        return command

    return register


def guarded(function: Callable[..., T], *, needs_database: bool) -> Callable[..., T]:
    """Looks whether the database is there and of this version, and turns what is known to go wrong into a sentence."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> T:
        # The log's lines about what a person just did at the terminal are no news to them; the audit's are for others.
        keep_errors_and_audit()
        try:
            if needs_database:
                check_database()
                check_schema()
            with bound_contextvars(actor="operator", operator=operator()):
                return function(*args, **kwargs)
        except click.UsageError:
            raise
        except click.ClickException as error:
            raise click.ClickException(harmless(error.message)) from error
        except MacrochatError as error:
            raise click.ClickException(harmless(sentence(error))) from error
        except NotReady as trouble:
            raise click.ClickException(harmless(trouble.whole)) from trouble
        except sa.exc.SQLAlchemyError as error:
            if not is_outage(error):
                raise
            raise click.ClickException(f"The database is busy or gone; please try again: {reason(error)}") from error
        finally:
            db.session.remove()

    return run


def sentence(error: MacrochatError) -> str:
    found = [f"{detail['field']} {detail['error']}" for detail in error.details or []]
    return f"{error.message}: {'; '.join(found)}" if found and found[0] != error.message else error.message


def find_user(text: str) -> User:
    """By address or id. Raises ClickException."""
    is_this = User.email == canonical_email(text)
    if (user_id := as_id(text)) is not None:
        is_this = sa.or_(is_this, User.id == user_id)
    user: User | None = db.session.scalar(sa.select(User).where(is_this, User.deleted_at.is_(None)))
    if user is None:
        raise click.ClickException(f"There is no user {text!r}")
    return user


def whose(user_id: uuid.UUID | None) -> dict[str, str]:
    """Of whom an audit line speaks; of everybody when it is nobody's alone."""
    return {"user_id": str(user_id) if user_id is not None else "everybody"}


def as_id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def require_id(text: str, what: str) -> uuid.UUID:
    if (found := as_id(text)) is None:
        raise click.ClickException(f"There is no {what} {text!r}")
    return found


def show(rows: Sequence[dict[str, Any]], columns: Sequence[str], *, as_json: bool) -> None:
    """A list: a table of these columns, or all of it as JSON."""
    if as_json:
        print_json(rows)
        return
    table = [[name.upper() for name in columns], *([cell(row[name]) for name in columns] for row in rows)]
    widths = [max(len(line[k]) for line in table) for k in range(len(columns))]
    for line in table:
        say("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def show_one(row: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    width = max(len(name) for name in row)
    for name, value in row.items():
        say(f"{name.ljust(width)}  {cell(value)}")


def print_json(value: Any) -> None:
    click.echo(harmless_json(value, indent=2, default=_plain))


def cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S}Z"
    return harmless_line(str(value))


def progress(items: Iterable[T], length: int, label: str) -> Any:
    """A bar on standard error, for people only."""
    return click.progressbar(items, length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def password_from(stdin: bool) -> str:
    """Asked for without showing it, or the first line of standard input; never an argument, which others could see."""
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


def _plain(value: Any) -> Any:
    return iso(value) if isinstance(value, dt.datetime) else str(value)
