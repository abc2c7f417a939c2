"""What happens to a streamed body on its way through proxies, measured with ops/drip.py at the other end."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx2
from flask import Flask, current_app

from ..ops import drip

SECONDS = 20.0
SENT_OVER_SECONDS = (drip.CHUNKS - 1) * drip.PAUSE_SECONDS

# By what the proxies call themselves in Server and Via.
CURES = {
    "nginx": "nginx: proxy_http_version 1.1; proxy_buffering off; in the location (docs/deploy.md has all of it)",
    "caddy": "Caddy: flush_interval -1 inside reverse_proxy",
    "vegur": "Heroku's router hands streams on; look for what stands before it (a CDN, an add-on)",
    "heroku": "Heroku's router hands streams on; look for what stands before it (a CDN, an add-on)",
    "cloudflare": "Cloudflare: a cache rule that bypasses the cache for /api/*, and Response Buffering off",
    "apache": "Apache: SetEnv proxy-sendchunked 1, no mod_deflate for text/plain, and flushpackets=on on ProxyPass",
}
ANY_CURE = "turn response buffering off in the proxy for /api/*, and let it speak HTTP/1.1 to this server"
WITHOUT_CUTS = (
    "until then programs should read replies as events (Accept: text/event-stream), whose last one says how they "
    "ended, or compare `bytes` and `sha256` of GET /api/replies/<id> with what they got"
)
CUT_CURES = {
    "nginx": f"nginx: proxy_http_version 1.1; {WITHOUT_CUTS}",
    "caddy": f"Caddy before 2.8 (Debian 12 has 2.6.2) ends cut bodies cleanly: use 2.8 or later; {WITHOUT_CUTS}",
}
ANY_CUT_CURE = f"let the proxy speak HTTP/1.1 to this server and hand a broken connection on; {WITHOUT_CUTS}"
COMPRESSION_CURE = "turn compression off for text/plain and text/event-stream under /api (it holds words back)"


@dataclass(frozen=True)
class Finding:
    """`state` is ok, warn or fail; `advice` names the setting to change."""

    state: str
    what: str
    says: str
    advice: str = ""


@dataclass
class Seen:
    """A body as it arrived: seconds from the request to each piece, and whether it came to a proper end."""

    status: int = 0
    headers: httpx2.Headers = field(default_factory=httpx2.Headers)
    arrivals: list[float] = field(default_factory=list)
    ended: bool = False


def measure(url: str) -> Iterator[Finding]:
    """Asks the server at `url` for a body in timed pieces, and for one that is cut."""
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        yield Finding("fail", "address", f"{url!r} is no http or https address")
        return
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    try:
        whole = _read(app, url, cut=False)
        if whole.status != 200:
            yield _refused(url, whole)
            return
        cut = _read(app, url, cut=True)
    except httpx2.HTTPError as error:
        yield Finding("fail", "address", f"{url} cannot be reached ({_reason(error)})")
        return
    yield _timing(whole)
    if not whole.ended:
        yield Finding("fail", "bodies", "a whole body arrived cut", "look at the proxy's own time limits and its log")
    yield _cut(cut)
    if coding := whole.headers.get("Content-Encoding"):
        yield Finding("fail", "compression", f"the proxy compresses streams ({coding})", COMPRESSION_CURE)


def _read(app: Flask, url: str, *, cut: bool) -> Seen:
    seen = Seen()
    path = f"{url.rstrip('/')}/api/ops/drip{'?cut=1' if cut else ''}"
    began = time.monotonic()
    headers = {drip.HEADER: drip.ticket(app), "Accept-Encoding": "gzip, br"}
    with httpx2.stream("GET", path, headers=headers, timeout=SECONDS) as answer:
        seen.status, seen.headers = answer.status_code, answer.headers
        try:
            for _piece in answer.iter_raw():
                seen.arrivals.append(time.monotonic() - began)
            seen.ended = True
        except httpx2.TransportError:
            seen.ended = False
    return seen


def _timing(seen: Seen) -> Finding:
    spread = seen.arrivals[-1] - seen.arrivals[0] if seen.arrivals else 0.0
    arrived = f"{len(seen.arrivals)} over {spread:.2f} s"
    says = f"{drip.CHUNKS} pieces sent over {SENT_OVER_SECONDS:.2f} s arrived as {arrived}"
    if spread > SENT_OVER_SECONDS * 0.75 and len(seen.arrivals) > drip.CHUNKS * 0.75:
        return Finding("ok", "streaming", says)
    return Finding("fail", "streaming", f"{says}: a proxy holds them back", _cure(seen))


def _cut(seen: Seen) -> Finding:
    if not seen.ended:
        return Finding("ok", "cut bodies", "are seen as cut")
    return Finding(
        "warn",
        "cut bodies",
        "look complete: programs cannot tell that a reply broke off",
        _cure(seen, CUT_CURES, ANY_CUT_CURE),
    )


def _refused(url: str, seen: Seen) -> Finding:
    if seen.status == 404:
        advice = "run this with the server's own SECRET_KEY, and --url without a path"
        return Finding("fail", "address", f"{url} is no Macrochat of this secret key", advice)
    if 300 <= seen.status < 400:
        return Finding(
            "fail", "address", f"{url} redirects", f"use {seen.headers.get('Location', 'the other address')}"
        )
    return Finding("fail", "address", f"{url} answers with status {seen.status}", "look at the proxy's log")


def _cure(seen: Seen, cures: dict[str, str] = CURES, otherwise: str = ANY_CURE) -> str:
    names = f"{seen.headers.get('Server', '')} {seen.headers.get('Via', '')}".lower()
    return next((cure for name, cure in cures.items() if name in names), otherwise)


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "its certificate is not good"
        cause = cause.__cause__ or cause.__context__
    return "no answer in time" if isinstance(error, httpx2.TimeoutException) else "no connection"
