"""Passwords that nobody may choose: those that everybody chooses, and one's own data (NIST SP 800-63B-4, 3.1.1.2)."""

from __future__ import annotations

import functools
import string
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import flask

from ..bodies import invalid
from ..errors import ValidationError

LIST = Path(__file__).with_name("common_passwords.txt")
LEAST_OWN = 3  # characters: `a1234567` is not the middle initial of Ada A. Byron
AROUND = string.digits + string.punctuation + string.whitespace  # `alice2024!` is alice


def refuse_weak(password: str, field: str, own: Iterable[str]) -> None:
    """Raises ValidationError PASSWORD_TOO_WEAK. Neither case nor white space around makes a password another one.

    `own` is what is known of the person: address, name. It counts with digits and punctuation around it, too.
    """
    plain = _plain(password)
    if not plain or plain in _common():
        raise _weak(field, "is one of those that everybody tries first")
    if {plain, plain.strip(AROUND)} & _parts([*own, *_site()]):
        raise _weak(field, "must not be your own email address or name, or this site's")


def _weak(field: str, why: str) -> ValidationError:
    return invalid(field, f"{why}; please choose another", code="PASSWORD_TOO_WEAK")


def _site() -> list[str]:
    """What it is called, and where it is."""
    return ["macrochat", *([flask.request.host.partition(":")[0]] if flask.has_request_context() else [])]


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


def _parts(own: Iterable[str]) -> set[str]:
    """Each text, an address' two halves, and the words of a name: apart, together and joined."""
    parts = set()
    for text in map(_plain, own):
        words = text.replace("@", " ").split()
        parts |= {text, "".join(words), *words, *(word.strip(AROUND) for word in words)}
    return {part for part in parts if len(part) >= LEAST_OWN}


@functools.cache
def _common() -> frozenset[str]:
    """Read when it is first asked for: 16,000 short texts, about 1.5 MB."""
    return frozenset(LIST.read_text(encoding="utf-8").splitlines())
