"""scripts/audit.py with the real pip-audit and npm, and advisories of our own making on loopback."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest

from tests.support.processes import ROOT, clean_environment, free_port

VENDORED = {
    package["name"]: package["version"]
    for package in json.loads((ROOT / "static/vendor/manifest.json").read_text())["packages"]
}


class Advisories(ThreadingHTTPServer):
    """`python` and `browser`: what is known of a package, in the forms of OSV and npm, by its name."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.python, self.browser, self.newer = {}, {}, {}
        self.lists_advisories = True

    def add_python(self, name, **events):
        affected = {
            "package": {"name": name, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, events] if events else []}],
        }
        self.python[name] = {"vulns": [{"id": f"OSV-{name}", "summary": "Bad", "affected": [affected]}]}

    def add_browser(self, name, newer=None):
        range_ = f"<={VENDORED[name]}"
        about = {"id": 1, "url": "https://example.org/1", "title": f"Bad {name}", "severity": "high"}
        self.browser[name] = [about | {"vulnerable_versions": range_, "cwe": [], "cvss": {"score": 7}}]
        self.newer[name] = newer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        """What npm asks about a package before it makes a lock file."""
        name = unquote(self.path.removeprefix("/"))
        versions = [one for one in (VENDORED.get(name), self.server.newer.get(name)) if one]
        self.reply(
            {
                "name": name,
                "dist-tags": {"latest": versions[-1]},
                "versions": {
                    one: {"name": name, "version": one, "dist": {"tarball": f"{self.server.url}/{name}.tgz"}}
                    for one in versions
                },
            }
        )

    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.lists_advisories:
            self.reply({"message": "no"}, 405)
        elif self.path == "/osv":
            self.reply(self.server.python.get(json.loads(asked)["package"]["name"], {}))
        else:
            self.reply(self.server.browser)

    def reply(self, value, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def advisories():
    with Advisories() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def audit(url, tmp_path):
    environment = clean_environment(
        PIP_AUDIT_VULNERABILITY_SERVICE="osv",
        PIP_AUDIT_OSV_URL=f"{url}/osv",
        npm_config_registry=url,
        npm_config_cache=tmp_path / "npm",
    )
    argv = [sys.executable, str(ROOT / "scripts/audit.py")]
    done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert not done.stderr
    return done.returncode, done.stdout


def test_all_is_well(advisories, tmp_path):
    code, said = audit(advisories.url, tmp_path)
    assert (code, said.count("no known vulnerabilities")) == (0, 2), said
    assert f"{len(VENDORED)} checked" in said
    assert "NOT CHECKED" not in said


def test_what_a_newer_version_mends_fails_the_check(advisories, tmp_path):
    advisories.add_python("flask", fixed="99.1")
    advisories.add_browser("uplot", newer="1.6.99")
    code, said = audit(advisories.url, tmp_path)
    assert code == 1
    assert "OSV-flask; mended in 99.1" in said
    assert "VULNERABLE: uplot (high): Bad uplot" in said


def test_what_nothing_mends_is_shown_and_does_not_fail(advisories, tmp_path):
    advisories.add_python("flask")
    advisories.add_browser("uplot")
    code, said = audit(advisories.url, tmp_path)
    assert code == 0, said
    assert said.count("vulnerable, and nothing newer mends it") == 2


@pytest.mark.parametrize("how", ["no such service", "nobody there"])
def test_no_answer_is_no_failure_and_is_said(advisories, tmp_path, how):
    advisories.lists_advisories = False
    code, said = audit(advisories.url if how == "no such service" else f"http://127.0.0.1:{free_port()}", tmp_path)
    assert code == 0
    assert said.count("NOT CHECKED") == 2, said
    assert "no known" not in said


def test_packages_that_pip_audit_skipped_are_not_taken_for_healthy(audit_module):
    skipped = {"name": "flask", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    known = {"name": "gevent", "version": "1", "vulns": []}
    assert audit_module.read_pip_audit({"dependencies": [skipped]}).unasked
    some = audit_module.read_pip_audit({"dependencies": [skipped, known]})
    assert (some.checked, some.unasked) == (1, "the advisories of 1 of 2 packages cannot be reached from here")


@pytest.fixture
def audit_module(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import audit

    return audit
