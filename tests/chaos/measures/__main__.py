"""`python -m tests.chaos.measures NAME`: one measured promise at a time. Exit code 1 when it does not hold."""

from gevent import monkey

monkey.patch_all()

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402

from tests.chaos.measures import crowd, herd, idle, kill9, limits, rolling  # noqa: E402

MEASURES = {"kill9": kill9, "rolling": rolling, "crowd": crowd, "idle": idle, "herd": herd, "limits": limits}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.measures", description=__doc__)
    parser.add_argument("--json", help="write the numbers to this file")
    names = parser.add_subparsers(dest="name", required=True)
    for name, measure in MEASURES.items():
        measure.add_options(names.add_parser(name, description=measure.__doc__))
    options = parser.parse_args()
    facts, wrong = MEASURES[options.name].measure(options)
    print(json.dumps({options.name: facts, "wrong": wrong}, indent=2, ensure_ascii=False))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({options.name: facts, "wrong": wrong}, file, indent=2)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
