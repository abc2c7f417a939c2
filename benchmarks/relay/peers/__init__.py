"""Who is compared, by name, in the order of the tables."""

from __future__ import annotations

from benchmarks.relay.peers.base import NotAvailable, Peer, Setting
from benchmarks.relay.peers.direct import Direct
from benchmarks.relay.peers.fastapi import FastApi
from benchmarks.relay.peers.macrochat import Macrochat, MacrochatPostgres
from benchmarks.relay.peers.naive_flask import NaiveFlask
from benchmarks.relay.peers.nginx import Nginx
from benchmarks.relay.peers.node import AiSdk, NodeHttp

PEERS: dict[str, type[Peer]] = {
    peer.name: peer for peer in (Direct, Nginx, Macrochat, MacrochatPostgres, NodeHttp, AiSdk, FastApi, NaiveFlask)
}

__all__ = ["PEERS", "NotAvailable", "Peer", "Setting"]
