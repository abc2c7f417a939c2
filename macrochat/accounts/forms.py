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
LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"  # letters and digits of any script, hyphens inside
# What browsers take for `type=email` (WHATWG), and letters of any script: it is only a name to sign in with.
EMAIL = re.compile(rf"[\w.!#$%&'*+/=?^`{{|}}~-]{{1,64}}@{LABEL}(?:\.{LABEL})*")


def canonical_email(text: str) -> str:
    """The form in which addresses are stored and compared: trimmed, composed (NFC), case-folded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def _email(text: str) -> str:
    email = canonical_email(text)
    if len(email) > MAX_EMAIL_CHARACTERS or not EMAIL.fullmatch(email):
        raise PydanticCustomError("email", "must be an email address")
    return email


Email = Annotated[PlainText, AfterValidator(_email)]
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
    name: Annotated[CleanText, StringConstraints(strip_whitespace=True, max_length=255)]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None
