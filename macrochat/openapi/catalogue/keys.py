"""API keys."""

from __future__ import annotations

from ...accounts import forms
from ..operations import Answer, Operation, done
from ..shapes import CreatedKey, Key
from .accounts import PASSWORD

TAG = "API keys"
ABOUT = "Credentials of programs, made by people: only a signed-in browser may list, make or revoke them."

OPERATIONS = {
    "accounts.list_keys": Operation(
        id="listKeys",
        tag=TAG,
        summary="List the API keys",
        answers=(Answer(description="Newest first, expired ones among them", data=list[Key]),),
    ),
    "accounts.create_key": Operation(
        id="createKey",
        tag=TAG,
        summary="Make an API key",
        description="The answer is the only place where the key itself can ever be seen. At most a hundred a person.",
        body=forms.KeyRequest,
        required=("password",),
        notes={
            "name": {"minLength": 1, "examples": ["Backup"], "description": "what it is for"},
            "expiresInDays": {"examples": [90], "description": "`null`: never"},
            "password": PASSWORD | {"description": "yours, again: a stolen session makes no keys"},
        },
        answers=(Answer(status=201, description="The key, shown once", data=CreatedKey),),
        refusals={403: ("PASSWORD_REQUIRED", "INVALID_CREDENTIALS"), 409: ("TOO_MANY_KEYS",)},
    ),
    "accounts.revoke_key": Operation(
        id="revokeKey",
        tag=TAG,
        summary="Revoke an API key",
        description="It is refused from now on, everywhere; what it reads at this moment ends within seconds.",
        answers=done("Revoked"),
        refusals={404: ("KEY_NOT_FOUND",)},
    ),
}
