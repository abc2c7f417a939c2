"""What drawing a reply costs Chromium's main thread, and whether that depends on how long the reply already is.

python benchmarks/rendering/run.py                  every kind of text at 0, 100, 200 and 400 KB, 4 s each
python benchmarks/rendering/run.py mixed --full     one whole reply of 200 KB, in real time (100 s)
python benchmarks/rendering/run.py --open           opening a chat of 1,000 stored messages
"""

import argparse
import mimetypes
import shutil
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from main_thread import CATEGORIES, Trace
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
TOKENS_PER_SECOND = 500
KILO = 1000
WHOLE_REPLY = 110


def main():
    options = arguments()
    with page() as tab:
        if options.open:
            for contained in (False, True):
                opened = tab.evaluate("contained => bench.open(1000, contained)", contained)
                print("content-visibility: auto" if contained else "plain", opened)
            return
        print("kind                 at     cpu    wall  script  layout   paint     frames   longest   behind  finish")
        stretches = [(0, WHOLE_REPLY)] if options.full else [(at * KILO, options.seconds) for at in options.positions]
        for kind in [options.kind] if options.kind else tab.evaluate("bench.kinds"):
            for position, seconds in stretches:
                print(report(tab, kind, position, seconds), flush=True)


def report(tab, kind, position, seconds):
    tab.evaluate("stretch => bench.prepare(...stretch)", [kind, position, position + 200 * KILO])
    tab.wait_for_timeout(1000)
    result, trace = traced(tab, "limits => bench.run(...limits)", [TOKENS_PER_SECOND, seconds])
    _, end = traced(tab, "bench.finish()", None)
    seconds = result["seconds"]
    shares = {
        "cpu": trace.cpu(),
        "wall": trace.wall(),
        "script": trace.cpu("FireAnimationFrame"),
        "layout": trace.cpu("Layout"),
        "paint": sum(trace.cpu(name) for name in ("PrePaint", "Paint", "Layerize", "Commit")),
    }
    columns = [f"{kind:16} {position // KILO:4}KB", *(f"{share / seconds:6.1%}" for share in shares.values())]
    columns.append(f"{trace.count('Layout') / seconds:7.1f}/s {trace.longest_task():5.0f} ms")
    columns.append(f"{result['behind']:4} ms {end.longest_task():5.0f} ms")
    return "  ".join(columns)


def traced(tab, expression, argument):
    browser = tab.context.browser
    browser.start_tracing(page=tab, categories=CATEGORIES)
    result = tab.evaluate(expression, argument)
    return result, Trace(browser.stop_tracing())


@contextmanager
def page():
    """A Chromium tab on the benchmark's page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{server.server_port}/benchmarks/rendering/page.html")
        yield tab
        browser.close()
    server.shutdown()
    server.server_close()


class Files(BaseHTTPRequestHandler):
    def do_GET(self):
        path = ROOT / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
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
