"""Files that only a platform reads, read here: they name only what exists, and follow the usual practice."""

import json
import re
from fnmatch import fnmatch

from prometheus_client import Counter, Gauge, Histogram

from macrochat import metrics
from tests.support.processes import ROOT

SETTINGS = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def text_of(name):
    return (ROOT / name).read_text()


def metric_names():
    """As monitoring systems see them, without the endings of histograms."""
    found = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    return {
        f"{metric._name}_total" if isinstance(metric, Counter) else metric._name: isinstance(metric, Histogram)
        for metric in found
    }


def test_every_setting_that_deployment_names_exists():
    named = set(json.loads(text_of("app.json"))["env"])
    for name in ("docs/deploy.md", "docs/operating.md", "Dockerfile"):
        named |= set(re.findall(r"\bMACROCHAT_[A-Z_]+\b", text_of(name)))
    assert named <= SETTINGS, named - SETTINGS


def test_app_json_gives_a_secret_a_database_and_trust_in_the_router():
    app = json.loads(text_of("app.json"))
    assert app["env"]["SECRET_KEY"] == {"description": "Signs the session cookies", "generator": "secret"}
    assert app["env"]["MACROCHAT_TRUSTED_PROXIES"]["value"] == "1"
    assert any("postgresql" in addon for addon in app["addons"])


def test_the_python_version_is_the_same_everywhere():
    version = text_of(".python-version").strip()
    assert set(re.findall(r"^FROM python:(\S+?)-slim", text_of("Dockerfile"), re.MULTILINE)) == {version}


def test_the_image_runs_without_rights_and_says_how_it_is():
    lines = text_of("Dockerfile")
    assert re.search(r"^USER 10001$", lines, re.MULTILINE)
    assert "HEALTHCHECK" in lines
    assert "exec gunicorn app:app" in lines
    assert ":latest" not in lines
    assert lines.index("USER 10001") > lines.rindex("RUN ")


def test_the_image_has_all_that_the_server_needs_and_no_secrets():
    allowed = [line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")]
    assert text_of(".dockerignore").startswith("*\n")
    for needed in (
        "app.py",
        "gunicorn.conf.py",
        "macrochat",
        "migrations",
        "static",
        "templates",
        "requirements.txt",
        "pyproject.toml",
    ):
        assert needed in allowed
    for private in (".env", "instance", ".git", ".venv", "tests"):
        assert not any(fnmatch(private, pattern) for pattern in allowed)


def test_the_documentation_has_every_figure_and_no_other():
    names = metric_names()
    documented = set(re.findall(r"`(macrochat_\w+)`", text_of("docs/operating.md")))
    assert documented == set(names)


def test_the_dashboard_asks_only_for_figures_that_exist():
    names, asked = metric_names(), set(re.findall(r"macrochat_\w+", text_of("docs/grafana.json")))
    assert asked
    for name in asked:
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in names or names.get(base), name
    panels = json.loads(text_of("docs/grafana.json"))["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
