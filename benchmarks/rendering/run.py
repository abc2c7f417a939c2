"""What drawing a reply costs Chromium's main thread, and whether that depends on how long the reply already is.

    python benchmarks/rendering/run.py                  every kind of text at 0, 100, 200 and 400 KB, 4 s each
    python benchmarks/rendering/run.py mixed --full     one whole reply of 200 KB, in real time (100 s)
    python benchmarks/rendering/run.py --open           opening a chat of 1,000 stored messages
"""

import argparse
import mimetypes
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
TOKENS_PER_SECOND = 500
KILO = 1000


def main():
    options = arguments()
    with page() as (tab, metrics):
        if options.open:
            for contained in (False, True):
                print("content-visibility: auto" if contained else "plain", tab.evaluate("contained => bench.open(1000, contained)", contained))
            return
        print(f"{'kind':16} {'at':>6} {'busy':>6} {'script':>7} {'layout':>7} {'style':>6}  behind  long tasks")
        for kind in [options.kind] if options.kind else tab.evaluate("bench.kinds"):
            for position, seconds in [(0, 110)] if options.full else [(at * KILO, options.seconds) for at in options.positions]:
                report(tab, metrics, kind, position, seconds)


def report(tab, metrics, kind, position, seconds):
    tab.evaluate("([kind, position, size]) => bench.prepare(kind, position, size)", [kind, position, position + 200 * KILO])
    tab.wait_for_timeout(500)
    before = metrics()
    result = tab.evaluate("([rate, seconds]) => bench.run(rate, seconds)", [TOKENS_PER_SECOND, seconds])
    after = metrics()
    spent = {name: (after[name] - before[name]) / (after["Timestamp"] - before["Timestamp"]) for name in after}
    end = tab.evaluate("bench.finish()")
    print(
        f"{kind:16} {position // KILO:4}KB {spent['TaskDuration']:6.1%} {spent['ScriptDuration']:7.1%} {spent['LayoutDuration']:7.1%}"
        f" {spent['RecalcStyleDuration']:6.1%}  {result['behind']:4}ms  {result['longTasks']}  end: {end['ms']} ms {end['longTasks']}",
        flush=True,
    )


class page:
    """A Chromium tab on the benchmark's page, and a function that reads its main thread's clocks in seconds."""

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--no-first-run"])
        tab = self.browser.new_page()
        tab.goto(f"http://127.0.0.1:{self.server.server_port}/benchmarks/rendering/page.html")
        tab.wait_for_function("window.bench")
        session = tab.context.new_cdp_session(tab)
        # The thread's own time: what other programs do meanwhile does not count.
        session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        session.send("Performance.enable")
        return tab, lambda: {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}

    def __exit__(self, *_):
        self.browser.close()
        self.playwright.stop()
        self.server.shutdown()
        self.server.server_close()


class Files(BaseHTTPRequestHandler):
    def do_GET(self):
        path = ROOT / self.path.lstrip("/")
        if not path.is_file():
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Type", mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        self.end_headers()
        self.wfile.write(path.read_bytes())

    def log_message(self, *_):
        pass


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", nargs="?")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--open", action="store_true")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--positions", type=int, nargs="+", default=[0, 100, 200, 400])
    return parser.parse_args()


if __name__ == "__main__":
    main()
