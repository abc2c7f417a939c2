"""No relay at all: what the fake upstream and the load client reach by themselves."""

from __future__ import annotations

from urllib.parse import urlsplit

from benchmarks.relay.peers.base import PassingPeer


class Direct(PassingPeer):
    name = "direct"
    title = "no relay (upstream and client alone)"

    def start(self) -> None:
        self.port = urlsplit(self.setting.upstream).port or 0
