"""What a Flask tutorial shows: gunicorn with gevent, and a typed `for event in client.chat.completions.create(…)`."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.relay.peers.base import KEY, PROGRAMS, Peer


class NaiveFlask(Peer):
    name = "flask"
    title = "Flask + gevent, typed SDK loop"
    guess = 60

    def start(self) -> None:
        self.run(
            [
                Path(sys.executable).parent / "gunicorn",
                "naive_flask:app",
                *("--chdir", PROGRAMS, "--config", "/dev/null", "--log-level", "warning", "--no-control-socket"),
                *("--worker-class", "gevent", "--workers", 1, "--worker-connections", 4000),
                *("--bind", f"127.0.0.1:{self.port}", "--backlog", 4096),
            ],
            OPENAI_BASE_URL=self.setting.upstream,
            OPENAI_API_KEY=KEY,
        )
