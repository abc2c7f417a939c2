"""Every error is shown in one form: JSON under /api, a page elsewhere; never more than a code and a sentence."""

import pytest
import sqlalchemy as sa
import structlog

from macrochat.accounts.access import ACCESS, Access
from macrochat.errors import (
    Conflict,
    NotFound,
    RateLimited,
    Unauthenticated,
    Unavailable,
    UpstreamBusy,
    UpstreamRefused,
    ValidationError,
)

SECRET = "SELECT password FROM /etc/secret"


@pytest.fixture
def fail(app, monkeypatch):
    """Calls an address whose view raises this error: `fail(error)`, under /api or elsewhere."""
    raised = []

    def view():
        raise raised[-1]

    for path, name in (("/api/fail", "fail_api"), ("/fail", "fail_page")):
        app.add_url_rule(path, name, view, methods=["GET", "POST"])
        monkeypatch.setitem(ACCESS, name, Access.PUBLIC)

    def call(error, path="/api/fail"):
        raised.append(error)
        return app.test_client().get(path)

    return call


def test_ours_keep_status_code_sentence_details_and_headers(fail):
    for error in [
        ValidationError("name is odd", details=[{"field": "name", "error": "is odd"}]),
        NotFound("Chat not found or access denied", code="CHAT_NOT_FOUND"),
        Conflict(code="CHAT_BUSY", details=[{"replyId": "5"}]),
        Unauthenticated(),
        RateLimited(retry_after=7),
        Unavailable(code="SHUTTING_DOWN", retry_after=1),
        UpstreamBusy(retry_after=30),
        UpstreamRefused(detail=SECRET),
    ]:
        answer = fail(error)
        body = answer.get_json()
        expected = {
            "success": False,
            "error": error.message,
            "code": error.code,
            "requestId": answer.headers["X-Request-Id"],
        }
        assert answer.status_code == error.status
        assert body == expected | ({"details": error.details} if error.details else {})
        assert answer.headers.get("Retry-After") == (str(error.retry_after) if error.retry_after else None)
        assert SECRET not in answer.text


def test_a_providers_raw_answer_goes_to_the_log_only(fail):
    with structlog.testing.capture_logs() as lines:
        fail(UpstreamRefused(detail=SECRET))
    assert [line["detail"] for line in lines if line["event"] == "provider error"] == [SECRET]


def test_the_unexpected_is_a_500_that_tells_nothing_and_logs_all(fail):
    with structlog.testing.capture_logs() as lines:
        answer = fail(RuntimeError(SECRET))
    assert (answer.status_code, answer.get_json()["code"]) == (500, "INTERNAL_ERROR")
    assert SECRET not in answer.text
    logged = next(line for line in lines if line["event"] == "unexpected error")
    assert str(logged["exc_info"]) == SECRET
    assert logged["log_level"] == "error"


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(fail):
    for error in [
        sa.exc.OperationalError(SECRET, {}, Exception(SECRET)),
        sa.exc.InterfaceError(SECRET, {}, Exception(SECRET)),
        sa.exc.TimeoutError("QueuePool limit"),
        sa.exc.DBAPIError(SECRET, {}, Exception(SECRET), connection_invalidated=True),
    ]:
        answer = fail(error)
        assert (answer.status_code, answer.get_json()["code"]) == (503, "STORAGE_UNAVAILABLE")
        assert answer.headers["Retry-After"] == "2"
        assert SECRET not in answer.text


def test_a_mistake_in_a_statement_is_ours_and_a_500(fail):
    answer = fail(sa.exc.ProgrammingError(SECRET, {}, Exception(SECRET)))
    assert answer.status_code == 500
    assert SECRET not in answer.text


def test_elsewhere_an_error_is_a_page(fail):
    for error, status in [(NotFound("Chat not found"), 404), (RuntimeError(SECRET), 500), (Unavailable(), 503)]:
        answer = fail(error, "/fail")
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert SECRET not in answer.text
    assert "Chat not found" in fail(NotFound("Chat not found"), "/fail").text


def test_a_page_that_cannot_be_made_falls_back_to_a_plain_one(app, fail):
    app.jinja_env.globals.pop("asset", None)
    answer = fail(NotFound("Nothing <b>here</b>"), "/fail")
    assert answer.status_code == 404
    assert "Nothing &lt;b&gt;here&lt;/b&gt;" in answer.text


def test_unknown_addresses_of_the_api_are_json(client):
    for path in ["/api", "/api/", "/api/nothing", "/api/chats/1/2/3", "/api/%2e%2e/x", "/api/auth/login/"]:
        answer = client.get(path)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "NOT_FOUND"), path
    for path in ["/nothing", "/apix", "/static/nothing.js", "/static/../config.py", "/static/%2e%2e/app.py"]:
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "text/html"), path


def test_a_method_that_is_not_answered_names_those_that_are(client):
    answer = client.put("/api/users/me")
    assert (answer.status_code, answer.get_json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}
    assert client.open("/api/users/me", method="BREW").status_code == 405
    assert set(client.get("/api/auth/login").headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


def test_a_refused_transaction_is_rolled_back(app, monkeypatch):
    from macrochat.accounts.models import User
    from macrochat.extensions import db

    def view():
        db.session.add(User(email="ghost@example.org", password_hash="x"))
        db.session.flush()
        raise Conflict()

    app.add_url_rule("/api/half", "half", view)
    monkeypatch.setitem(ACCESS, "half", Access.PUBLIC)
    assert app.test_client().get("/api/half").status_code == 409
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 0


def test_a_redirect_is_no_error(app, monkeypatch):
    app.add_url_rule("/api/folder/", "folder", lambda: "x")
    monkeypatch.setitem(ACCESS, "folder", Access.PUBLIC)
    assert app.test_client().get("/api/folder").status_code == 308
