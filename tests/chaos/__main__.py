"""`python -m tests.chaos`: plays scenarios drawn by a seed and prints the scoreboard. Exit code 1 when anything broke."""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from tests.chaos import plan, runner, scoreboard  # noqa: E402


def main() -> int:
    options = _parse()
    if options.replay:
        seed, _, number = options.replay.partition("/")
        scenarios = [plan.scenario(int(seed), int(number))] * options.repeat
    else:
        scenarios = plan.draw(options.seed, options.scenarios, options.only)
    if options.list:
        print("\n".join(map(str, scenarios)))
        return 0
    board = scoreboard.Scoreboard(options.seed)
    began = time.monotonic()

    def report(result: runner.Result) -> None:
        board.add(result)
        print(f"{len(board.results):4}/{len(scenarios)}  {scoreboard.line(result)}", flush=True)
        for finding in result.broken:
            print(f"          {finding}", flush=True)
        if result.broken and options.logs:
            options.logs.mkdir(parents=True, exist_ok=True)
            (options.logs / f"{result.scenario.seed}-{result.scenario.number}.log").write_text(result.log)

    with runner.Ground() as ground:
        runner.run(ground, scenarios, options.lanes, report)
    print(f"\n{board.text()}\n\n{time.monotonic() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(board.facts(), indent=2, ensure_ascii=False) + "\n")
    return 1 if board.broken else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--scenarios", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a regular expression that a scenario's description must match")
    parser.add_argument("--replay", metavar="SEED/NUMBER", help="play one scenario")
    parser.add_argument("--repeat", type=int, default=1, help="with --replay: so many times")
    parser.add_argument("--lanes", type=int, default=3, help="worlds at a time")
    parser.add_argument("--list", action="store_true", help="only print the scenarios")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--logs", type=Path, help="keep the servers' logs of broken scenarios in this folder")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
