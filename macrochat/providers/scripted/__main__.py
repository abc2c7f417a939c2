"""python -m macrochat.providers.scripted [--host 127.0.0.1] [--port 0]"""

from __future__ import annotations

import argparse
import signal

import gevent

from macrochat.providers.scripted.server import ScriptedServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m macrochat.providers.scripted")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    arguments = parser.parse_args()

    server = ScriptedServer(arguments.host, arguments.port)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, server.stop)
    server.start()
    print("scripted provider on http://{}:{}/v1".format(*server.address), flush=True)  # noqa: T201 – for those who start it
    server.serve_forever()


if __name__ == "__main__":
    main()
