"""What goes to a terminal: what people, models and servers said must not steer it.

Control characters (escape sequences begin with one), marks that turn the direction of writing and other unseen ones are
shown as the escapes that Python and JSON have for them.
"""

from __future__ import annotations

import json
import os
import pwd
import re
from typing import Any

import click

# C0 without tab and ends of lines, DEL and C1; directions; line and paragraph separators, byte order mark; halves of
# surrogate pairs; tag characters.
STEERING = re.compile(
    "\r(?!\n)|"
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


MAX_NAME = 64


def say(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """The one way in which commands print text."""
    click.echo(harmless(text), err=err, nl=nl)


def harmless(text: str) -> str:
    """The text with all that steers a terminal as visible escapes. Lines and tabs stay."""
    return STEERING.sub(_escape, text)


def harmless_line(text: str) -> str:
    return harmless(text).replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t")


def harmless_json(value: Any, **options: Any) -> str:
    """JSON that says the same to a program and nothing to a terminal."""
    return STEERING.sub(_json_escape, json.dumps(value, ensure_ascii=False, **options))


def operator() -> str:
    """Who runs the command: the process's user, and who became that user by sudo. Not what LOGNAME says.

    A number where the system knows no name.
    """
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    person = harmless_line(os.environ.get("SUDO_USER", ""))[:MAX_NAME]
    return f"{person} as {name}" if person else name


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


def _json_escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
