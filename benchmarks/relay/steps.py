"""`steps`: one peer, so many streams, what it costs. For tuning."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.relay import profile, stage
from benchmarks.relay.measure import Step, paced
from benchmarks.relay.peers import PEERS, Peer

COLUMNS = "streams  chunks/s   p50 ms   p99 ms  CPU %  µs/chunk  KB/stream  wrong  errors  (load: CPU %  late ms)"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--peer", choices=PEERS, default="macrochat")
    add_load_options(parser, [100, 200, 400])
    parser.add_argument("--profile", type=Path, metavar="FILE", help="py-spy over the last step: .svg, .txt or .json")
    parser.add_argument("--log", type=Path, metavar="FILE", help="keep what the relay printed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")


def add_load_options(parser: argparse.ArgumentParser, streams: list[int]) -> None:
    """Those of every command that asks for streams by number; `streams` is the default."""
    parser.add_argument("--streams", type=_numbers, default=streams, help="numbers of streams, by comma")
    parser.add_argument("--seconds", type=float, default=6, help="the window of each step")
    parser.add_argument("--rate", type=float, default=50, help="chunks a second and stream")
    parser.add_argument("--workers", type=int, default=1, help="processes of Macrochat")
    parser.add_argument("--relay-cores", type=int, default=1)


def run(options: argparse.Namespace) -> int:
    steps: list[Step] = []
    several = {"workers": options.workers} if options.workers > 1 else {}
    with (
        stage.loaded(options.rate, options.relay_cores) as (load, cores),
        stage.running(options.peer, load, cores, **several) as peer,
    ):
        print(COLUMNS)
        for streams in options.streams:
            last = streams == options.streams[-1]
            recording = _Recording(peer, options.seconds, options.profile if last else None)
            steps.append(paced(load, peer, streams, options.seconds, recording.begin))
            print(line(steps[-1]), flush=True)
            recording.end()
        if options.log and (printed := peer.setting.folder / "log").exists():
            shutil.copy(printed, options.log)
    if options.json:
        options.json.write_text(json.dumps([step.as_json() for step in steps], indent=2))
    return 0 if all(step.right for step in steps) else 1


def line(step: Step) -> str:
    errors = ", ".join(f"{count} × {error}" for error, count in step.errors.items()) or "0"
    return (
        f"{step.streams:7}  {step.chunks_per_second:8.0f}  {step.p50_ms:7.1f}  {step.p99_ms:7.1f}  {step.cpu_percent:5.0f}"
        f"  {step.cpu_us_per_chunk:8.1f}  {step.kb_per_stream:9.1f}  {step.wrong_bytes:5}  {errors:>6}"
        f"  ({step.load_percent:11.0f}  {step.lateness_ms:7.1f})"
    )


class _Recording:
    def __init__(self, peer: Peer, seconds: float, file: Path | None) -> None:
        self._peer, self._seconds, self._file = peer, seconds, file
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        if self._file:
            self._process = profile.record(self._peer.worker_pid(), self._seconds, self._file)

    def end(self) -> None:
        profile.finish(self._process)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]
