"""Which providers and models this installation offers.

If a key or an address of an OpenAI-compatible server is set, that server is the default and the local model is off
(unless asked for); with neither, the local model is all there is, and it is enough.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from macrochat.errors import NoModels, ProviderError, UpstreamUnreachable, ValidationError
from macrochat.providers.base import ContinueMode, ModelInfo, Provider
from macrochat.providers.local_model import LOCAL_MODEL, LOCAL_MODEL_NAME
from macrochat.providers.model_list import is_model_id
from macrochat.providers.openai_compatible import OpenAICompatibleProvider

OPENAI_BASE_URL = "https://api.openai.com/v1"
OPENAI_DEFAULT_MODEL = "gpt-4o-mini"

# Servers on one's own machine want a key to be sent, but not which.
DUMMY_KEY = "none"

# The local model says nothing at all, not even headers, while all its slots are taken: silence in a queue, in seconds.
# One that died or hangs is noticed sooner, by its connections breaking: its supervisor sees to that.
LOCAL_TIMEOUT = 600.0

# How long a server's own list of models is believed, and how soon it is asked again after it failed, in seconds.
LIST_SECONDS = 300.0
LIST_RETRY_SECONDS = 10.0

LocalModelChoice = Literal["auto", "on", "off"]


class ListsModels(Provider, Protocol):
    def list_models(self, timeout: float = 5.0) -> list[str]: ...


class Catalogue(Protocol):
    """The models of one provider."""

    @property
    def provider(self) -> Provider: ...

    def models(self) -> list[ModelInfo]:
        """The default first; empty while that is not known. Never raises."""
        ...

    def trouble(self) -> ProviderError | None:
        """Why there are no models, as far as that is known."""
        ...

    def has(self, model_id: str) -> bool: ...

    def may_have(self, model_id: str) -> bool:
        """True too if nobody knows, since the server has never said which models it has: it will say at the request."""
        ...


@dataclass(frozen=True, slots=True)
class FixedModels:
    """Models that the operator named."""

    provider: Provider
    infos: tuple[ModelInfo, ...]

    def models(self) -> list[ModelInfo]:
        return list(self.infos)

    def trouble(self) -> ProviderError | None:
        return None

    def has(self, model_id: str) -> bool:
        return any(info.id == model_id for info in self.infos)

    may_have = has


class ListedModels:
    """Models that the server itself lists, asked when first needed, now and then, and about names not heard yet."""

    def __init__(self, provider: ListsModels) -> None:
        self.provider: Provider = provider
        self._lists_models = provider
        self._lock = threading.Lock()  # one greenlet asks, the others wait for its answer
        self._ids: list[str] = []
        self._bases: set[str] = set()  # the ids without their variants
        self._asked_at = -LIST_SECONDS
        self._trouble: ProviderError | None = None  # when it was asked last

    def models(self) -> list[ModelInfo]:
        self._ask(LIST_RETRY_SECONDS if self.trouble() else LIST_SECONDS)
        return [ModelInfo(id, id, self.provider.name) for id in self._ids]

    def trouble(self) -> ProviderError | None:
        return self._trouble or (None if self._ids else NoModels())

    def has(self, model_id: str) -> bool:
        self._ask(LIST_SECONDS)
        if not self._lists(model_id):
            self._ask(LIST_RETRY_SECONDS)
        return self._lists(model_id)

    def may_have(self, model_id: str) -> bool:
        return self.has(model_id) or not self._ids

    def _lists(self, model_id: str) -> bool:
        """Variants after a colon count as their model: Ollama lists `llama3:latest` and takes `llama3`."""
        return _without_variant(model_id) in self._bases

    def _ask(self, older_than: float) -> None:
        """Asks the server unless that was done in the last `older_than` seconds. Keeps the old list if it fails."""
        with self._lock:
            if time.monotonic() - self._asked_at < older_than:
                return
            try:
                self._ids, self._trouble = self._lists_models.list_models(), None
                self._bases = set(map(_without_variant, self._ids))
            except ProviderError as error:
                self._trouble = error
            self._asked_at = time.monotonic()


class Registry:
    """The first model of the first catalogue is the default."""

    def __init__(self, catalogues: Sequence[Catalogue]) -> None:
        self._catalogues = list(catalogues)

    @property
    def providers(self) -> list[Provider]:
        return [catalogue.provider for catalogue in self._catalogues]

    @property
    def default_model(self) -> str:
        """Raises ProviderError if no server could yet say which models it has, or has none."""
        models = self.models()
        if not models:
            troubles = filter(None, (catalogue.trouble() for catalogue in self._catalogues))
            trouble = next(troubles, UpstreamUnreachable("The model's server does not say which models it has"))
            raise trouble.with_traceback(None)  # it may have been raised before
        return models[0].id

    def models(self) -> list[ModelInfo]:
        found = [(info, catalogue.provider) for catalogue in self._catalogues for info in catalogue.models()]
        return [
            replace(info, default=k == 0, efforts=provider.efforts(info.id)) for k, (info, provider) in enumerate(found)
        ]

    def warm(self) -> None:
        """Says to the default provider that somebody is about to write."""
        for catalogue in self._catalogues[:1]:
            catalogue.provider.warm()

    def resolve(self, model_id: str | None = None) -> tuple[Provider, str]:
        """The provider of a model, and the id to send to it; of the default model for None.

        Raises ValidationError (UNKNOWN_MODEL) for a model that nobody here has.
        """
        if model_id is None:
            model_id = self.default_model
        if not is_model_id(model_id):
            raise _unknown(model_id)
        for catalogue in self._catalogues:
            if catalogue.has(model_id):
                return catalogue.provider, model_id
        for catalogue in self._catalogues:
            if catalogue.may_have(model_id):
                return catalogue.provider, model_id
        raise _unknown(model_id)


def build_registry(
    *,
    openai_api_key: str | None = None,
    openai_base_url: str | None = None,
    models: Sequence[str] = (),
    local_model: LocalModelChoice = "auto",
    local_model_url: str = "http://127.0.0.1:8081/v1",
    provider_timeout: float = 600.0,
    continue_mode: ContinueMode = "prompt",
) -> Registry:
    """From plain settings. `models` as the operator named them, the default first; `provider_timeout` in seconds.

    `continue_mode` is that of the remote server; the local model always continues by prefill.
    """
    catalogues: list[Catalogue] = []
    if openai_api_key or openai_base_url:
        remote = OpenAICompatibleProvider(
            "openai" if not openai_base_url else "openai-compatible",
            openai_api_key or DUMMY_KEY,
            openai_base_url or OPENAI_BASE_URL,
            timeout=provider_timeout,
            continue_mode=continue_mode,
        )
        catalogues.append(_remote_catalogue(remote, models, is_openai=not openai_base_url))
    if local_model == "on" or (local_model == "auto" and not catalogues):
        local = OpenAICompatibleProvider(
            "local", DUMMY_KEY, local_model_url, timeout=max(provider_timeout, LOCAL_TIMEOUT), continue_mode="prefill"
        )
        catalogues.append(FixedModels(local, (ModelInfo(LOCAL_MODEL, LOCAL_MODEL_NAME, local.name),)))
    return Registry(catalogues)


def _remote_catalogue(remote: OpenAICompatibleProvider, models: Sequence[str], *, is_openai: bool) -> Catalogue:
    if not models and not is_openai:
        return ListedModels(remote)
    ids = models or (OPENAI_DEFAULT_MODEL,)
    return FixedModels(remote, tuple(ModelInfo(id, id, remote.name) for id in ids))


def _unknown(model_id: str) -> ValidationError:
    sentence = f"There is no model {model_id[:100]!r} here"
    return ValidationError(sentence, code="UNKNOWN_MODEL", details=[{"field": "model", "error": sentence}])


def _without_variant(model_id: str) -> str:
    return model_id.partition(":")[0]
