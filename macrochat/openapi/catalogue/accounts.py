"""Accounts and browser sessions."""

from __future__ import annotations

from ...accounts import forms
from ..operations import Answer, Operation, done
from ..shapes import Account, EndedSessions, Session

TAG = "Accounts"
ABOUT = "Signing up, signing in, and the browsers that are signed in. Programs use an API key instead."
WRONG_PASSWORD = {403: ("INVALID_CREDENTIALS",)}
WEAK_PASSWORD = {400: ("PASSWORD_TOO_WEAK",)}
EMAIL = {"format": "email", "examples": ["ada@example.org"]}
PASSWORD = {"examples": ["correct horse battery"]}
NAME = {"examples": ["Ada"], "description": "what to call you"}
SIGNED_IN = "Signed in: the answer sets the session cookie"

OPERATIONS = {
    "accounts.register": Operation(
        id="register",
        tag=TAG,
        summary="Make an account",
        description="The new account is signed in. At most ten an hour from one address.",
        body=forms.Registration,
        notes={"email": EMAIL | {"maxLength": forms.MAX_EMAIL_CHARACTERS}, "password": PASSWORD, "name": NAME},
        answers=(Answer(status=201, description=SIGNED_IN, data=Account, headers=("Set-Cookie",)),),
        refusals=WEAK_PASSWORD | {403: ("REGISTRATION_CLOSED",), 409: ("EMAIL_TAKEN",)},
    ),
    "accounts.login": Operation(
        id="logIn",
        tag=TAG,
        summary="Sign in",
        description="An unknown address and a wrong password are refused in the same words and time. At most ten "
        "attempts a minute for one account, thirty from one address.",
        body=forms.Login,
        notes={"email": EMAIL, "password": PASSWORD},
        answers=(Answer(description=SIGNED_IN, data=Account, headers=("Set-Cookie",)),),
        refusals={401: ("INVALID_CREDENTIALS",)},
    ),
    "accounts.logout": Operation(
        id="logOut",
        tag=TAG,
        summary="Sign this browser out",
        description="The session is dead everywhere, copies of its cookie too. Signing out twice is fine.",
        answers=done("Signed out", "Clear-Site-Data"),
        refusals={503: ("STORAGE_UNAVAILABLE",)},
    ),
    "accounts.logout_all": Operation(
        id="logOutEverywhere",
        tag=TAG,
        summary="Sign all browsers out",
        answers=(
            Answer(description="Signed out everywhere", data=EndedSessions, message=True, headers=("Clear-Site-Data",)),
        ),
    ),
    "accounts.change_password": Operation(
        id="changePassword",
        tag=TAG,
        summary="Change the password",
        description="All other sessions die. API keys stay.",
        body=forms.PasswordChange,
        notes={"currentPassword": PASSWORD, "newPassword": {"examples": ["staple, battery and horse"]}},
        answers=done("Changed"),
        refusals=WRONG_PASSWORD | WEAK_PASSWORD,
    ),
    "accounts.show_me": Operation(
        id="getMe",
        tag=TAG,
        summary="Who am I",
        answers=(Answer(description="The account of the caller", data=Account),),
    ),
    "accounts.update_me": Operation(
        id="updateMe",
        tag=TAG,
        summary="Change the name",
        body=forms.Profile,
        notes={"name": NAME},
        answers=(Answer(description="The account as it is now", data=Account),),
    ),
    "accounts.delete_me": Operation(
        id="deleteMe",
        tag=TAG,
        summary="Delete the account",
        description="The account and all it owns are gone at once: chats, replies, keys, sessions.",
        body=forms.Confirmation,
        notes={"password": PASSWORD},
        answers=done("Gone", "Clear-Site-Data"),
        refusals=WRONG_PASSWORD,
    ),
    "accounts.list_sessions": Operation(
        id="listSessions",
        tag=TAG,
        summary="List the signed-in browsers",
        answers=(Answer(description="Last seen first", data=list[Session]),),
    ),
    "accounts.revoke_session": Operation(
        id="endSession",
        tag=TAG,
        summary="Sign one browser out",
        answers=done("Ended"),
        refusals={404: ("SESSION_NOT_FOUND",)},
    ),
}
