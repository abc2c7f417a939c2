"""What one account can do to a server, each as a process: `python -m benchmarks.neighbours.attacks NAME URL COOKIE FACTS`.

It goes on until it is ended, and prints which statuses it was answered with.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2

from tests.support.long_chats import fill

BIG, MANY = 400_000, 60  # bytes of a message, messages of the chat that holds them
LONG = 3_000  # messages of the long chat, of which another is deleted each time
PROMPT = "é" * 100_000
Round = Callable[[httpx2.Client, dict[str, str]], Any]

_statuses: Counter[object] = Counter()


def prepare(person: httpx2.Client, database_url: str) -> str:
    """Makes what the attacks use; returns where it is, as JSON."""
    facts = {
        name: person.post("/api/chats", json={"systemPrompt": PROMPT}).json()["data"]["id"] for name in ("big", "long")
    }
    fill(database_url, facts["big"], MANY, text=lambda _number: "x" * BIG)
    fill(database_url, facts["long"], LONG)
    huge = person.post("/api/chats", json={}).json()["data"]["id"]
    facts["reply"] = str(fill(database_url, huge, 2, text=lambda number: "ü" * (4_000_000 if number else 1))[1])
    for number in range(100):
        person.post("/api/chats", json={"title": f"chat {number}", "systemPrompt": PROMPT})
    return json.dumps(facts)


def _send(client: httpx2.Client, _facts: dict[str, str]) -> Any:
    chat = client.post("/api/chats", json={}).json()["data"]["id"]
    text = {"messages": [{"role": "user", "content": "ä" * 99_000}]}
    return client.post(f"/api/chats/{chat}/stream", json=text)


def _delete(client: httpx2.Client, facts: dict[str, str]) -> Any:
    chat = client.post("/api/chats", json={"systemPrompt": PROMPT}).json()["data"]["id"]
    return client.delete(f"/api/chats/{chat}")


def _upload(client: httpx2.Client, facts: dict[str, str]) -> Any:
    old = [{"role": "user", "content": "x" * 1000}] * 10_000
    body = {"messages": [*old, {"role": "assistant", "content": "not the user's"}]}
    return client.post(f"/api/chats/{facts['big']}/stream", json=body)


# By name: connections, and what each does again and again.
ATTACKS: dict[str, tuple[int, Round]] = {
    "opening a chat of 60 × 400 KB": (8, lambda client, facts: client.get(f"/api/chats/{facts['big']}")),
    "the page of that chat": (8, lambda client, facts: client.get(f"/chats/{facts['big']}")),
    "lists of chats with long prompts": (16, lambda client, _facts: client.get("/api/chats?limit=100&q=%25_")),
    "the status of an 8 MB reply": (8, lambda client, facts: client.get(f"/api/replies/{facts['reply']}")),
    "reading an 8 MB reply": (16, lambda client, facts: client.get(f"/api/replies/{facts['reply']}/stream")),
    "sending 200 KB": (5, _send),
    "bodies of 10 MB": (8, _upload),
    "making and deleting chats": (16, _delete),
    "asking who one is": (64, lambda client, _facts: client.get("/api/users/me")),
    "addresses that are not there": (64, lambda client, _facts: client.get("/api/nothing")),
}


def _repeat(work: Round, url: str, cookie: str, facts: dict[str, str]) -> None:
    with httpx2.Client(base_url=url, headers={"Cookie": cookie}, timeout=60, trust_env=False) as client:
        while True:
            try:
                _statuses[work(client, facts).status_code] += 1
            except (httpx2.HTTPError, KeyError) as error:
                _statuses[type(error).__name__] += 1


def _tell(*_signal: object) -> None:
    print(", ".join(f"{count} × {status}" for status, count in sorted(_statuses.items(), key=str)), flush=True)
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)


def main(name: str, url: str, cookie: str, facts: str) -> None:
    connections, work = ATTACKS[name]
    os.nice(10)  # it is the server's time that is to be fought for, not the machine's
    signal.signal(signal.SIGTERM, _tell)
    for _ in range(connections):
        threading.Thread(target=_repeat, args=(work, url, cookie, json.loads(facts)), daemon=True).start()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
