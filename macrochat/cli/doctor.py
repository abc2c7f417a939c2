"""flask doctor: what is wrong with this installation, and which setting changes it."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import click
from flask import current_app

from ..config import Settings
from ..ops import details
from . import shown, storage
from .printing import say
from .proxies import Finding, measure

FEW_FILES = 4096


@shown.standalone("doctor")
@click.option("--url", help="Where people reach this server: measures what the proxies on the way do to streams.")
@shown.as_json
def doctor(url: str | None, as_json: bool) -> None:
    """Look at settings, database, migrations, provider and, with --url, proxies. Exit code 1 when something is broken.

    For --url this must run with the server's SECRET_KEY.
    """
    found = [*_here(), *(measure(url) if url else [])]
    if as_json:
        shown.print_json([finding.__dict__ for finding in found])
    else:
        for finding in found:
            say(f"{finding.state.upper().ljust(4)}  {finding.what}: {finding.says}")
            if finding.advice:
                say(f"      → {finding.advice}")
    if any(finding.state == "fail" for finding in found):
        raise click.exceptions.Exit(1)


def _here() -> Iterator[Finding]:
    settings: Settings = current_app.config["SETTINGS"]
    yield from _settings(settings)
    yield from storage.findings(settings)
    yield from _providers()
    yield _files()


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.production:
        yield Finding("ok", "settings", "production")
    else:
        advice = "set MACROCHAT_ENV=production (and SECRET_KEY) where others can reach it"
        yield Finding("warn", "settings", "development", advice)
    if settings.production and settings.registration == "open":
        advice = "set MACROCHAT_REGISTRATION=closed and add people with `flask users create`, or live with it"
        yield Finding("warn", "registration", "anybody may register and use the model at your expense", advice)
    if settings.web_concurrency > 1 and settings.rate_limit_storage == "memory://" and settings.rate_limits != "off":
        advice = "set MACROCHAT_RATE_LIMIT_STORAGE to a storage that the workers share, or live with it"
        yield Finding("warn", "rate limits", "each of several workers counts for itself", advice)
    if not settings.metrics_token:
        yield Finding("ok", "metrics", "for programs of this machine only (no MACROCHAT_METRICS_TOKEN)")


def _providers() -> Iterator[Finding]:
    found = details.providers()
    if not found:
        yield Finding(
            "fail", "provider", "none is configured", "set OPENAI_BASE_URL or OPENAI_API_KEY, or MACROCHAT_LOCAL_MODEL"
        )
    for row in found:
        where = f"{row['name']} at {row['address']}"
        if row["reachable"] and row["models"]:
            yield Finding("ok", "provider", f"{where} answers: {', '.join(row['models'][:5])}")
        else:
            yield Finding("fail", "provider", f"{where}: {row['says']}", row["advice"])


def _files() -> Finding:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY or hard >= FEW_FILES:
        return Finding("ok", "open files", "enough for thousands of streams")
    return Finding("warn", "open files", f"at most {hard}", "raise the hard limit (LimitNOFILE= in systemd)")
