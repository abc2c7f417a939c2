"""What people send about accounts, as JSON or as a form: the same models for both."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ..bodies import Body, CleanText, PlainText
from .passwords import MAX_CHARACTERS, MIN_CHARACTERS

MAX_EMAIL_CHARACTERS = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
MAX_SENT_CHARACTERS = 2000  # with the white space round it, and accents as characters of their own
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"  # letters and digits of any script, hyphens inside
# What browsers take for `type=email` (WHATWG), and letters of any script: it is only a name to sign in with.
EMAIL = re.compile(rf"[\w.!#$%&'*+/=?^`{{|}}~-]{{1,64}}@{LABEL}(?:\.{LABEL})*")


def canonical_email(text: str) -> str:
    """The form in which addresses are stored and compared: trimmed, composed (NFC), case-folded.

    Composing takes time quadratic in a run of marks, so what is far too long to be an address stays as it is.
    """
    if len(text) > MAX_SENT_CHARACTERS:
        return text
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def _email(text: str) -> str:
    email = canonical_email(text)
    if len(email) > MAX_EMAIL_CHARACTERS or not EMAIL.fullmatch(email):
        raise PydanticCustomError("email", "must be an email address")
    return email


Email = Annotated[PlainText, AfterValidator(_email), Field(max_length=MAX_EMAIL_CHARACTERS)]
NewPassword = Annotated[PlainText, Field(min_length=MIN_CHARACTERS, max_length=MAX_CHARACTERS)]
AnyPassword = Annotated[PlainText, Field(max_length=MAX_CHARACTERS)]
Name = Annotated[PlainText, StringConstraints(strip_whitespace=True, max_length=255)]


class Registration(Body):
    email: Email
    password: NewPassword
    name: Name = ""


class Profile(Body):
    name: Name


class Login(Body):
    """Any text may be tried: what could not be an account is refused in the same words as a wrong password."""

    email: Annotated[PlainText, Field(max_length=1000)]
    password: AnyPassword


class PasswordChange(Body):
    current_password: AnyPassword
    new_password: NewPassword


class Confirmation(Body):
    password: AnyPassword


class NewKey(Body):
    """What an operator gives; the person of a browser confirms it with their password (`KeyRequest`)."""

    name: Annotated[CleanText, StringConstraints(strip_whitespace=True, max_length=255)]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


class KeyRequest(NewKey):
    password: AnyPassword | None = None
