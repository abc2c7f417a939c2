"""The HTTP client the SDK works with, with our limits on what a server may do to us."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import httpx2

from macrochat.providers.transport import FOREVER, DirectTransport

# An error's body is read by the SDK before it says anything; this is all it gets.
MAX_ERROR_BYTES = 64 * 1024

MAX_CAUSES = 5
MAX_IDLE_CONNECTIONS = 8
# Shorter than the server's own patience, else a request can meet a connection that is just being closed:
# llama.cpp and uvicorn (vLLM, LiteLLM) close after 5 s, the proxies in front of https services after 60 s and more.
IDLE_SECONDS_HTTP = 4.0
IDLE_SECONDS_HTTPS = 50.0


class LimitedClient(httpx2.Client):
    """No redirects, no limit on open streams, few idle connections, and error bodies cut at MAX_ERROR_BYTES.

    `timeout` is in seconds of silence between two reads, `connect_timeout` for TCP and TLS together.
    Proxies from the environment are used except for this machine itself.
    """

    def __init__(self, base_url: str, *, timeout: float, connect_timeout: float) -> None:
        url = urlsplit(base_url)
        self._server = httpx2.URL(base_url)
        trust_env = url.hostname not in ("localhost", "127.0.0.1", "::1")
        idle_seconds = IDLE_SECONDS_HTTPS if url.scheme == "https" else IDLE_SECONDS_HTTP
        self._direct = DirectTransport(max_idle=MAX_IDLE_CONNECTIONS, idle_seconds=idle_seconds)
        # A proxy from the environment stands for its scheme and goes before ours, except one that stands for all.
        through_proxy = trust_env and "all" in getproxies()
        super().__init__(
            timeout=httpx2.Timeout(timeout, connect=connect_timeout),
            follow_redirects=False,
            trust_env=trust_env,
            mounts=None if through_proxy else {"all://": self._direct},
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=4, keepalive_expiry=idle_seconds),
        )

    def warm(self) -> None:
        """Connects to the server if no connection waits, so that the next request need not. Raises httpx2's errors.

        Does nothing where it is not worth it: without TLS, or through a proxy.
        """
        if self._server.scheme == "https" and self._transport_for_url(self._server) is self._direct:
            self._direct.warm(self._server, self.timeout.connect or FOREVER)

    def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
        """As httpx2's, but an answer other than 200 comes back whole and short, its connection already given back."""
        if not kwargs.pop("stream", False):
            return super().send(request, **kwargs)
        response = super().send(request, stream=True, **kwargs)
        if response.status_code == httpx2.codes.OK:
            return response
        try:
            body = read_up_to(response, MAX_ERROR_BYTES)
        finally:
            response.close()
        headers = [(k, v) for k, v in response.headers.multi_items() if k not in _BODY_HEADERS]
        return httpx2.Response(response.status_code, headers=headers, content=body, request=request)


def trouble_in_words(error: BaseException | None) -> str:
    """An exception for the log: its name, its cause's, and what the system said; no bytes of what was sent or read."""
    names: list[str] = []
    while error is not None and len(names) < MAX_CAUSES:
        said = getattr(error, "verify_message", None) or getattr(error, "strerror", None)
        names.append(f"{type(error).__name__} ({said})" if said else type(error).__name__)
        error = error.__cause__ or error.__context__
    return " from ".join(dict.fromkeys(names))


# They describe the body as it came over the wire, which is not the one we pass on.
_BODY_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def read_up_to(response: httpx2.Response, limit: int) -> bytes:
    """The beginning of a streamed body, decoded. Stops reading once it has `limit` bytes."""
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) >= limit:
            break
    return bytes(body[:limit])
