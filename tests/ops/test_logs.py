"""What is secret never reaches a line, whoever writes it."""

import io
import json
import logging
import sys

import pytest
import sqlalchemy as sa

from macrochat import logs
from macrochat.accounts.models import User
from macrochat.extensions import db
from tests.support.databases import settings_for

SECRETS = {
    "SECRET_KEY": "canary-secret-key-of-at-least-32-characters",
    "OPENAI_API_KEY": "canary-provider-key",
    "MACROCHAT_METRICS_TOKEN": "canary-metrics-token",
}


@pytest.fixture
def output(monkeypatch, tmp_path):
    """Lines as a production server writes them, one dictionary each."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    url = "postgresql://macrochat:canary%20password@db.example.org/macrochat"
    logs.init_app(settings_for(url, tmp_path, MACROCHAT_ENV="production", **SECRETS))
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    monkeypatch.undo()
    logging.getLogger().handlers = [one for one in logging.getLogger().handlers if one.get_name() != "macrochat"]


def test_every_known_secret_is_hidden_wherever_it_stands(output):
    for secret in (*SECRETS.values(), "canary password", "canary%20password"):
        logs.get_logger("test").info("something", text=f"before {secret} after")
    assert "canary" not in str(output())
    assert {line["text"] for line in output()} == {f"before {logs.HIDDEN} after"}


@pytest.mark.parametrize(
    "text",
    ["mck_canary1234567890", "sk-canary1234567890", "Bearer canary-token", "postgresql://someone:canary@host/name"],
)
def test_what_looks_like_a_credential_is_hidden(output, text):
    logs.get_logger("test").warning("x", detail=f"sent {text}")
    assert "canary" not in str(output())


def test_ordinary_words_stay(output):
    logs.get_logger("test").info("x", text="task-list risk_assessment http://127.0.0.1:8000/v1 bearer of news")
    assert output()[0]["text"].endswith("bearer of news")


def test_libraries_warnings_come_in_the_same_form(output):
    logging.getLogger("some.library").warning("lost %s", "canary-provider-key")
    logging.getLogger("some.library").info("chatter")
    [line] = output()
    assert (line["event"], line["logger"], line["level"]) == (f"lost {logs.HIDDEN}", "some.library", "warning")


def test_a_database_error_tells_nothing_that_people_wrote(app, output):
    with app.app_context():
        broken = sa.insert(User).values(email="canary@example.org", name="canary", password_hash=None)
        try:
            db.session.execute(broken)
        except sa.exc.IntegrityError:
            logs.get_logger("test").exception("failed")
    [line] = output()
    assert "NOT NULL" in line["exception"]
    assert "canary" not in str(line)
