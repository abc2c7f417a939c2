"""Ends the bodies of those who are let in no more: logged out, a key revoked, an account deleted."""

from __future__ import annotations

from ...accounts.credentials import live_credentials
from .bodies import StreamingConnectionManager


def close_revoked(manager: StreamingConnectionManager) -> None:
    """Asks the database about everybody who reads now. Needs an application context."""
    open_now = manager.connections()
    credentials = {connection.credential for connection in open_now if connection.credential is not None}
    revoked = credentials - live_credentials(credentials) if credentials else set()
    for connection in open_now:
        if connection.credential in revoked:
            connection.close("revoked")
