"""`make test`: the whole suite in lanes side by side, each a pytest of its own that takes one file after the other.

Most tests wait for real servers rather than for a processor, so lanes cost little and save minutes. Arguments go to all
of them; LANES is how many there are. A lane's output is printed when it is done. Exit code 0 if every lane passed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time

LANES = int(os.environ.get("LANES", "3"))
SUMMARY = re.compile(rb"^(?:=+ )?(\d+ .*) in [0-9.]+s\b")
NO_TESTS = 5


def main() -> int:
    results: dict[int, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        logs = [f"{folder}/{number}" for number in range(LANES)]
        threads = [threading.Thread(target=_play, args=(results, number, log)) for number, log in enumerate(logs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counts = _add_up(logs)
    print("all lanes:", ", ".join(f"{count} {what}" for what, count in counts.items()))
    # The plain line that tools look for, whatever else there was to say.
    failed = counts.get("failed", 0) + counts.get("errors", 0) + counts.get("error", 0)
    print(f"{counts.get('passed', 0)} passed, {failed} failed", flush=True)
    return max(code if code != NO_TESTS else 0 for code in results.values())


def _play(results: dict[int, int], number: int, log: str) -> None:
    began = time.monotonic()
    taken = os.path.join(os.path.dirname(log), "taken")
    os.makedirs(taken, exist_ok=True)
    with open(log, "wb") as output:
        command = [sys.executable, "-m", "pytest", "-p", "tests.support.lanes", f"--lane={taken}", *sys.argv[1:]]
        results[number] = subprocess.call(command, stdout=output, stderr=subprocess.STDOUT)
    with open(log, "rb") as output, _printing:
        print(f"--- lane {number + 1}", flush=True)
        sys.stdout.buffer.write(output.read())
        print(f"--- lane {number + 1} took {time.monotonic() - began:.0f} s, exit code {results[number]}", flush=True)


_printing = threading.Lock()


def _add_up(logs: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for log in logs:
        with open(log, "rb") as output:
            found = [match[1].decode() for line in output if (match := SUMMARY.match(line))]
        for part in found[-1].split(", ") if found else []:
            count, _, what = part.partition(" ")
            if count.isdigit():
                counts[what] = counts.get(what, 0) + int(count)
    return counts


if __name__ == "__main__":
    sys.exit(main())
