"""`python -m benchmarks.relay NAME`: how many streams a relay carries, how late and at what cost, beside its peers'."""

from __future__ import annotations

import argparse
import signal
import sys

from benchmarks.relay import grow, journal, rounds, steps

COMMANDS = {"steps": steps, "bench": rounds, "grow": grow, "journal": journal}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    for name, command in COMMANDS.items():
        command.add_options(names.add_parser(name, description=command.__doc__, help=command.__doc__))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    code: int = COMMANDS[options.name].run(options)
    return code


if __name__ == "__main__":
    sys.exit(main())
