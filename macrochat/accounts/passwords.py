"""Passwords: argon2id (RFC 9106), computed in gevent's thread pool and never in the hub."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import TypeVar

import argon2
from gevent.lock import BoundedSemaphore

from ..stacks import in_thread

T = TypeVar("T")
MIN_CHARACTERS, MAX_CHARACTERS = 8, 1024

# OWASP's minimum for argon2id. Each computation takes 19 MiB; as many at once as below, so that a rush of sign-ins
# needs neither all memory of a small machine nor all threads of the pool.
_HASHER = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = BoundedSemaphore(4)
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$UpdszY26uY6rx2/w6Lx7/A$r09MLVpDVxbzsVpLXQEPOpQAGnTLnUQGbpcxBLvfDDI"


def hash_password(password: str) -> str:
    return _compute(_HASHER.hash, _bytes(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether the password fits. None (there is no such user) takes the same time as a wrong password."""
    fits = _compute(_verify, stored or _NOBODYS, _bytes(password))
    return fits and stored is not None


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's and should be made again."""
    return _HASHER.check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    # NFKC (NIST SP 800-63B-4, 3.1.1.2): two keyboards may spell the same characters differently.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _verify(stored: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):  # does not fit, or is no hash
        return False


def _compute(function: Callable[..., T], *args: object) -> T:
    with _AT_ONCE:
        return in_thread(function, *args)
