"""What can go wrong, as one tree. Every error that is shown has a status, a code and one plain sentence.

    MacrochatError
    ├── ValidationError               400  the request cannot be understood; `details` names the fields
    ├── Unauthenticated               401
    ├── Forbidden                     403
    ├── NotFound                      404  also for what belongs to somebody else
    ├── RequestTimeout                408  the body came too slowly
    ├── Conflict                      409
    ├── TooLarge                      413
    ├── UnsupportedMediaType          415
    ├── Unprocessable                 422  well formed, but it contradicts what came before
    ├── RateLimited                   429  carries Retry-After
    ├── HeadersTooLarge               431
    ├── Unavailable                   503  the server cannot do it now; carries Retry-After
    └── ProviderError                 the model's server refused, broke or fell silent
        ├── UpstreamAuth              502  it refused our credentials
        ├── UpstreamQuota             402  its account with them has no credit or quota left
        ├── UpstreamRefused           502  any other refusal (UPSTREAM_ERROR)
        │   └── ModelNotFound         502  it does not have the model (UPSTREAM_MODEL_NOT_FOUND)
        ├── NoModels                  502  it lists none, and none is asked for
        ├── UpstreamUnreachable       502  no connection, or the connection broke
        ├── UpstreamBadResponse       502  it answered something that is not a stream of chat completion chunks
        ├── UpstreamEmpty             502  it ended its answer without a word (also CONTENT_FILTERED,
        │                                  TOOL_CALLS_UNSUPPORTED)
        ├── UpstreamBusy              503  429 or 503 from it; carries its Retry-After
        ├── UpstreamTimeout           504  silence for longer than the time-out
        └── ContextTooLong            422  the conversation does not fit the model's context window

A sentence never holds SQL, a path, a traceback or a provider's raw body: those go to the log.
How each is shown (JSON under /api, a page elsewhere): web/failures.py.
"""

from __future__ import annotations

from typing import Any


class MacrochatError(Exception):
    """The root. `retry_after` is in whole seconds and becomes the Retry-After header."""

    status = 500
    code = "INTERNAL_ERROR"
    message = "Something went wrong on the server"

    def __init__(
        self,
        message: str | None = None,
        *,
        code: str | None = None,
        details: list[dict[str, Any]] | None = None,
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        if message is not None:
            self.message = message
        if code is not None:
            self.code = code
        self.details = details
        self.retry_after = retry_after
        self.headers = headers or {}
        super().__init__(self.message)


class ValidationError(MacrochatError):
    status = 400
    code = "VALIDATION_ERROR"
    message = "The request is not valid"


class Unauthenticated(MacrochatError):
    status = 401
    code = "UNAUTHENTICATED"
    message = "Please sign in"


class Forbidden(MacrochatError):
    status = 403
    code = "FORBIDDEN"
    message = "You may not do this"


class NotFound(MacrochatError):
    status = 404
    code = "NOT_FOUND"
    message = "Not found"


class RequestTimeout(MacrochatError):
    status = 408
    code = "REQUEST_TIMEOUT"
    message = "The request's body did not arrive in time"


class Conflict(MacrochatError):
    status = 409
    code = "CONFLICT"
    message = "This is in conflict with something else"


class TooLarge(MacrochatError):
    status = 413
    code = "BODY_TOO_LARGE"
    message = "The request is too large"


class UnsupportedMediaType(MacrochatError):
    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "The body must be JSON: Content-Type: application/json, in UTF-8, without Content-Encoding"


class Unprocessable(MacrochatError):
    status = 422
    code = "UNPROCESSABLE"
    message = "This cannot be done"


class RateLimited(MacrochatError):
    status = 429
    code = "RATE_LIMITED"
    message = "Too many requests; please wait a moment"


class HeadersTooLarge(MacrochatError):
    status = 431
    code = "REQUEST_HEADER_FIELDS_TOO_LARGE"
    message = "The request's headers are too long"


class Unavailable(MacrochatError):
    status = 503
    code = "STORAGE_UNAVAILABLE"
    message = "The database cannot be reached; please try again shortly"


class ProviderError(MacrochatError):
    """The provider's fault. `detail` is for the log only: codes, figures, an exception's name; nobody's words."""

    status = 502
    code = "UPSTREAM_ERROR"
    message = "The model's server answered with an error"

    def __init__(self, message: str | None = None, *, detail: str = "", **kwargs: Any) -> None:
        super().__init__(message, **kwargs)
        self.detail = detail


class UpstreamAuth(ProviderError):
    code = "UPSTREAM_AUTH"
    message = "The model's server refused this server's credentials; its operator must check the API key"


class UpstreamQuota(ProviderError):
    status = 402
    code = "UPSTREAM_QUOTA"
    message = "The account at the model's server has no credit left; its operator must look after the billing"


class UpstreamRefused(ProviderError):
    pass


class NoModels(ProviderError):
    code = "UPSTREAM_NO_MODELS"
    message = "The model's server offers no models; its operator must give it one"


class UpstreamUnreachable(ProviderError):
    code = "UPSTREAM_UNREACHABLE"
    message = "The connection to the model's server failed"


class UpstreamBadResponse(ProviderError):
    code = "UPSTREAM_BAD_RESPONSE"
    message = "The model's server sent something that cannot be understood"


class ModelNotFound(UpstreamRefused):
    code = "UPSTREAM_MODEL_NOT_FOUND"
    message = "The model's server does not have this model, or not at this address"


class UpstreamEmpty(ProviderError):
    code = "UPSTREAM_EMPTY"
    message = "The model answered without a word"


class UpstreamBusy(ProviderError):
    status = 503
    code = "UPSTREAM_BUSY"
    message = "The model is busy; please try again in a moment"


class UpstreamTimeout(ProviderError):
    status = 504
    code = "UPSTREAM_TIMEOUT"
    message = "The model's server did not answer in time"


class ContextTooLong(ProviderError):
    status = 422
    code = "CONTEXT_TOO_LONG"
    message = "The conversation is too long for this model"


def provider_codes() -> list[str]:
    """Of all faults of a provider that have a class."""
    return [kind.code for kind in ProviderError.__subclasses__()]
