"""How a provider is, in words: what a look at its list of models tells, without a paid call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from macrochat.errors import (
    ProviderError,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamBusy,
    UpstreamQuota,
    UpstreamTimeout,
    UpstreamUnreachable,
)

State = Literal["ok", "unreachable", "key refused", "no credit", "wrong address", "error", "no list", "no models"]


@dataclass(frozen=True, slots=True)
class Condition:
    """`says` is one plain sentence without addresses, credentials or a server's own words: anybody may read it.

    `advice` says to an operator what changes it; empty when nothing needs to.
    """

    state: State
    says: str
    advice: str = ""

    @property
    def usable(self) -> bool:
        """Whether requests are likely to work. A server that lists no models may still have those that are named."""
        return self.state in ("ok", "no models")


_ADDRESS = "look at OPENAI_BASE_URL: most servers want it to end in /v1"

OK = Condition("ok", "The model's server answers")
UNREACHABLE = Condition(
    "unreachable",
    "The model's server does not answer",
    "look at OPENAI_BASE_URL, and whether that server runs; the local model is started by the server, not by a command",
)
KEY_REFUSED = Condition("key refused", "The model's server refuses this server's API key", "look at OPENAI_API_KEY")
NO_CREDIT = Condition(
    "no credit", "The model's server says that the account has no credit", "look at the account that the API key is of"
)
NO_LIST = Condition("no list", "The model's server answers, but not with a list of models", _ADDRESS)
NO_MODELS = Condition(
    "no models",
    "The model's server answers, but lists no models",
    "give that server a model, or name models in MACROCHAT_MODELS",
)

ERROR = Condition("error", "The model's server answers with an error", "look at that server's log")

# A busy server is one that answers.
_BY_ERROR: dict[type[ProviderError], Condition] = {
    UpstreamAuth: KEY_REFUSED,
    UpstreamQuota: NO_CREDIT,
    UpstreamBadResponse: NO_LIST,
    UpstreamUnreachable: UNREACHABLE,
    UpstreamTimeout: UNREACHABLE,
    UpstreamBusy: OK,
}


def from_error(error: ProviderError, status: int = 200) -> Condition:
    """What an error says that came instead of a list of models, with this HTTP status."""
    if status in (404, 405, 410):
        return Condition(
            "wrong address", f"The model's server has no list of models at this address (HTTP {status})", _ADDRESS
        )
    if 300 <= status < 400:
        says = f"The model's server has moved to another address (HTTP {status})"
        return Condition("wrong address", says, "put that address into OPENAI_BASE_URL")
    if status >= 500:
        return replace(ERROR, says=f"{ERROR.says} (HTTP {status})")
    return _BY_ERROR.get(type(error), ERROR)
