"""Programs in Node that a test leads by JSON lines, and what they tell (lines.mjs)."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path
from typing import Any

from tests.clients.npm import NODE
from tests.support.processes import clean_environment, wait_until


class Driver:
    """One program. `told` are the lines it has printed so far."""

    def __init__(self, program: Path, **options: Any) -> None:
        self.told: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [str(NODE), str(program), json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )
        self._errors: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._hear_errors, daemon=True).start()
        self.until("ready")

    def do(self, action: str, **details: Any) -> None:
        """Begins an action; what comes of it is told."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"action": action} | details) + "\n")
        self._process.stdin.flush()

    def until(self, name: str, count: int = 1, seconds: float = 20) -> Any:
        """Waits for the `count`-th line that has `name`; returns its value."""
        found = self.wait(lambda: (self.all(name) + [None] * count)[count - 1] is not None, name, seconds)
        return found and self.all(name)[count - 1]

    def all(self, name: str) -> list[Any]:
        return [line[name] for line in list(self.told) if name in line]

    def wait(self, condition: Any, what: str, seconds: float = 20) -> Any:
        try:
            return wait_until(condition, seconds, what)
        except AssertionError:
            raise AssertionError(f"No {what}. Told: {self.told[-5:]}\n{''.join(self._errors)}") from None

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()  # type: ignore[union-attr]

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.told.append(json.loads(line))

    def _hear_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)


class Conversation(Driver):
    """The AI SDK with one chat: its state after every change."""

    @property
    def states(self) -> list[dict[str, Any]]:
        return [line for line in list(self.told) if "messages" in line]

    @property
    def statuses(self) -> list[str]:
        """Each once, in their order, since the program began."""
        seen = [state["status"] for state in self.states]
        return [status for before, status in zip([None, *seen], seen, strict=False) if status != before]

    @property
    def messages(self) -> list[dict[str, str]]:
        return self.states[-1]["messages"]  # type: ignore[no-any-return]

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(message["role"], message["text"]) for message in self.messages]

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What the SDK asked the server, and how it was answered."""
        return [line for line in list(self.told) if "asked" in line]

    def run(self, action: str, **details: Any) -> None:
        """Does it and waits until the SDK is at rest again."""
        done = len(self.all("done"))
        self.do(action, **details)
        self.until("done", done + 1)
        self.at_rest()

    def at_rest(self) -> None:
        self.wait(lambda: self.states[-1]["status"] in ("ready", "error"), "rest")

    def shows(self, text: str) -> None:
        """Waits until the last message is an answer that begins so."""
        self.wait(lambda: self.texts and self.texts[-1][0] == "assistant" and self.texts[-1][1].startswith(text), text)
