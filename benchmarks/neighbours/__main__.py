"""`python -m benchmarks.neighbours`: how long a person's sends take while one other account does its worst.

One worker; the scripted provider, which answers at once. The victim sends on and on, a message about five times a second, and each
figure is from the request to the reply's last byte. Quiet, then beside each attack, which is a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from benchmarks.databases import KINDS, Kind, database
from benchmarks.neighbours.attacks import ATTACKS, prepare
from benchmarks.relay.load import percentile
from benchmarks.relay.machine import describe
from benchmarks.rows import migrate
from tests.support.processes import clean_environment, free_port
from tests.support.scripted import ScriptedProvider
from tests.support.servers import PASSWORD, Server

PAUSE_SECONDS = 0.2
WARM_UP_SENDS = 10
ATTACK_SECONDS = 1.5  # until it is under way


def main() -> int:
    options = _arguments()
    print(f"{describe()}. A send, in milliseconds, p50 / p95 of {options.sends} each.\n")
    print(
        "| database | beside | p50 / p95 | p95 beside quiet | the attacker's answers |\n|---|---|---|---|---|",
        flush=True,
    )
    for kind in options.databases:
        with _site(kind, options) as site:
            _compare(kind, site, options)
    return 0


def _compare(kind: Kind, site: Server, options: argparse.Namespace) -> None:
    victim, attacker = site.client("victim@example.org"), site.client("attacker@example.org")
    facts = prepare(attacker, site.database_url)
    cookie = "; ".join(f"{name}={value}" for name, value in attacker.cookies.items())
    _sends(victim, WARM_UP_SENDS)
    quiet = _sends(victim, options.sends)
    print(f"| {kind} | nobody | {_shown(quiet)} | 1 | |", flush=True)
    for name in options.attacks:
        command = [sys.executable, "-m", "benchmarks.neighbours.attacks", name, site.url, cookie, facts]
        running = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True)
        time.sleep(ATTACK_SECONDS)
        times = _sends(victim, options.sends)
        running.terminate()
        answers = running.communicate(timeout=30)[0].strip()
        ratio = percentile(times, 0.95) / percentile(quiet, 0.95)
        print(f"| {kind} | {name} | {_shown(times)} | {ratio:.1f} | {answers} |", flush=True)
        time.sleep(3)  # the account's debts are forgotten


def _sends(person: httpx2.Client, count: int) -> list[float]:
    """Seconds, the shortest first."""
    chat = person.post("/api/chats", json={}).json()["data"]["id"]
    times = []
    for number in range(count):
        begun = time.perf_counter()
        answer = person.post(f"/api/chats/{chat}/stream", json={"messages": [{"role": "user", "content": f"{number}"}]})
        times.append(time.perf_counter() - begun)
        if answer.status_code != 200:
            raise RuntimeError(f"the victim was refused: {answer.status_code} {answer.text}")
        time.sleep(PAUSE_SECONDS)
    return sorted(times)


def _shown(times: list[float]) -> str:
    return f"{1000 * percentile(times, 0.5):.0f} / {1000 * percentile(times, 0.95):.0f}"


@contextlib.contextmanager
def _site(kind: Kind, options: argparse.Namespace) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="macrochat-bench-neighbours-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        made = stack.enter_context(database(kind, folder))
        provider = ScriptedProvider(folder / "provider").start()
        stack.callback(provider.stop)
        settings = {
            "DATABASE_URL": made.url,
            "MACROCHAT_MODELS": "scripted-echo",
            "MACROCHAT_LOCAL_MODEL_PORT": free_port(),
            "MACROCHAT_RATE_LIMITS": "off" if options.without else "1000000 per minute",
            "MACROCHAT_LOG_LEVEL": "warning",
        }
        migrate({"SECRET_KEY": PASSWORD * 4} | settings)
        site = Server(folder / "log", **provider.settings, **settings).start()
        stack.callback(site.close)
        yield site


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours", description=__doc__)
    parser.add_argument("--sends", type=int, default=100)
    parser.add_argument("--attacks", nargs="+", choices=sorted(ATTACKS), default=list(ATTACKS))
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--without", action="store_true", help="without limits and budgets, to see what they are for")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
