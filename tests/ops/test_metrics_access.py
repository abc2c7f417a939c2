"""Who may read the figures."""

import pytest

TOKEN = "a-token-of-the-monitoring-system"


def read(app, address="127.0.0.1", **headers):
    return app.test_client().get("/metrics", headers=headers, environ_base={"REMOTE_ADDR": address})


@pytest.fixture
def with_token(make_app, sqlite_url):
    return make_app(sqlite_url, MACROCHAT_METRICS_TOKEN=TOKEN)


def test_a_program_of_this_machine_reads_them(app):
    answer = read(app)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "macrochat_commit_seconds_bucket" in answer.text


@pytest.mark.parametrize("address", ["10.0.0.7", "", "unknown"])
def test_others_do_not(app, address):
    assert read(app, address).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "127.0.0.1"}, {"Forwarded": "for=127.0.0.1"}, {"Via": "1.1 proxy"}, {"X-Real-IP": "127.0.0.1"},
     {"Host": "chat.example.org"}, {"Host": "127.0.0.1.example.org"}],
)  # fmt: skip
def test_what_came_through_a_proxy_is_not_of_this_machine(app, headers):
    assert read(app, **headers).status_code == 403


def test_a_proxy_that_is_trusted_changes_nothing(make_app, sqlite_url):
    app = make_app(sqlite_url, MACROCHAT_TRUSTED_PROXIES="1")
    assert read(app, **{"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    assert read(app, "10.0.0.7", **{"X-Forwarded-For": "127.0.0.1"}).status_code == 403
    assert read(app).status_code == 200


def test_with_a_token_only_its_bearer_reads_them_from_anywhere(with_token):
    assert read(with_token, "10.0.0.7", Authorization=f"Bearer {TOKEN}").status_code == 200
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer é"}):
        answer = read(with_token, **wrong)
        assert (answer.status_code, TOKEN in answer.text) == (401, False)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
