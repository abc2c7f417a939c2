"""Nobody guesses passwords by the thousand, and nobody has the whole server."""

import time

import limits as counting
import pytest

from macrochat import create_app
from macrochat.accounts import limits
from macrochat.config import ConfigError
from macrochat.extensions import db, limiter
from tests.support.databases import settings_for
from tests.support.servers import PASSWORD


@pytest.fixture
def limited(sqlite_url, tmp_path):
    """A factory of applications that count. The counts are fresh in each."""
    made = []

    def make(limits="1000 per minute", **settings):
        app = create_app(settings_for(sqlite_url, tmp_path, MACROCHAT_RATE_LIMITS=limits, **settings))
        made.append(app)
        return app

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def sign_in(client, email="alice@example.org", password="wrong password", address="192.0.2.1"):
    return client.post(
        "/api/auth/login", json={"email": email, "password": password}, environ_overrides={"REMOTE_ADDR": address}
    )


def register(client, email, address="192.0.2.1"):
    body = {"email": email, "password": PASSWORD}
    return client.post("/api/auth/register", json=body, environ_overrides={"REMOTE_ADDR": address})


def fast(monkeypatch):
    monkeypatch.setattr("macrochat.accounts.passwords.verify", lambda *_args: False)


def test_ten_guesses_a_minute_at_one_account_from_wherever(limited, monkeypatch):
    fast(monkeypatch)
    client = limited().test_client()
    for number in range(10):
        assert sign_in(client, address=f"192.0.2.{number}").status_code == 401
    answer = sign_in(client, email="ALICE@example.org ", address="192.0.2.99")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.headers["RateLimit-Limit"] == "10"
    assert answer.headers["RateLimit-Remaining"] == "0"
    assert sign_in(client, email="bob@example.org").status_code == 401


def test_the_right_password_does_not_help_once_the_limit_is_reached(limited):
    app = limited()
    register(app.test_client(), "alice@example.org")
    for _ in range(10):
        sign_in(app.test_client())
    assert sign_in(app.test_client(), password=PASSWORD).status_code == 429


def test_thirty_guesses_a_minute_from_one_address_at_whomever(limited, monkeypatch):
    fast(monkeypatch)
    client = limited().test_client()
    for number in range(30):
        assert sign_in(client, email=f"{number}@example.org").status_code == 401
    assert sign_in(client, email="31@example.org").status_code == 429
    assert sign_in(client, email="31@example.org", address="192.0.2.2").status_code == 401


def test_ten_accounts_an_hour_from_one_address(limited, monkeypatch):
    now, to_half_past = time.time, 1800 - time.time() % 3600  # hours are those of the clock
    monkeypatch.setattr(time, "time", lambda: now() + to_half_past)
    monkeypatch.setattr("macrochat.accounts.passwords.hash_password", lambda _password: "x")
    client = limited().test_client()
    for number in range(10):
        assert register(client, f"{number}@example.org").status_code == 201
    answer = register(client, "11@example.org")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "RATE_LIMITED")
    assert int(answer.headers["Retry-After"]) > 60
    assert register(client, "11@example.org", address="192.0.2.2").status_code == 201


def test_the_page_counts_as_the_api_does(limited, monkeypatch):
    fast(monkeypatch)
    client = limited().test_client()
    for _ in range(10):
        sign_in(client)
    answer = client.post("/login", data={"email": "alice@example.org", "password": "x"})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers


def test_the_api_is_counted_by_user_and_tells_how_much_is_left(limited):
    app = limited("3 per minute")
    alice, bob = app.test_client(), app.test_client()
    register(alice, "alice@example.org")
    register(bob, "bob@example.org")
    left = [alice.get("/api/users/me").headers["RateLimit-Remaining"] for _ in range(3)]
    assert left == ["2", "1", "0"]
    answer = alice.get("/api/chats")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert answer.headers["RateLimit-Limit"] == "3"
    assert bob.get("/api/users/me").status_code == 200


def test_keys_and_browsers_of_one_user_count_together(limited):
    app = limited("3 per minute")
    alice = app.test_client()
    register(alice, "alice@example.org")
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]
    assert alice.get("/api/users/me").status_code == 200
    program = app.test_client()
    assert program.get("/api/users/me", headers={"X-API-KEY": key}).status_code == 200
    assert program.get("/api/users/me", headers={"X-API-KEY": key}).status_code == 429


def test_probes_figures_and_files_are_free(limited):
    client = limited("1 per minute").test_client()
    for path in ["/healthz", "/api/health", "/metrics", "/static/images/icon.svg"]:
        for _ in range(3):
            answer = client.get(path, buffered=True)
            assert answer.status_code == 200, path
            assert "RateLimit-Limit" not in answer.headers


def test_pages_and_forms_count_as_the_api_does(limited):
    client = limited("4 per minute", MACROCHAT_REGISTRATION="closed").test_client()
    form = {"email": "no address", "password": "x"}
    asked = [("GET", "/login", {}), ("POST", "/register", form), ("POST", "/login", {}), ("GET", "/docs", {})]
    left = [client.open(path, method=way, data=data).headers["RateLimit-Remaining"] for way, path, data in asked]
    assert left == ["3", "2", "1", "0"]
    for way, path, data in asked:
        answer = client.open(path, method=way, data=data)
        assert (answer.status_code, answer.mimetype) == (429, "text/html"), path
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert client.get("/api/openapi.json").status_code == 429, "one count for all"


def test_a_good_answer_carries_no_retry_after(limited):
    client = limited().test_client()
    register(client, "alice@example.org")
    assert "Retry-After" not in client.get("/api/users/me").headers


def test_w50_only_as_many_proxies_as_configured_are_believed(limited, monkeypatch):
    fast(monkeypatch)

    def guess(client, forwarded):
        return client.post(
            "/api/auth/login",
            json={"email": f"{forwarded}@example.org", "password": "x"},
            headers={"X-Forwarded-For": forwarded},
        ).status_code

    direct = limited().test_client()
    assert [guess(direct, f"198.51.100.{n}") for n in range(31)][-1] == 429
    behind_one = limited(MACROCHAT_TRUSTED_PROXIES="1").test_client()
    assert [guess(behind_one, f"198.51.100.{n}") for n in range(31)][-1] == 401
    assert [guess(behind_one, f"203.0.113.{n}, 198.51.100.77") for n in range(31)][-1] == 429
    behind_two = limited(MACROCHAT_TRUSTED_PROXIES="2").test_client()
    assert [guess(behind_two, f"203.0.113.{n}, 198.51.100.77") for n in range(31)][-1] == 401
    assert [guess(behind_two, f"192.0.2.{n}, 203.0.113.9, 198.51.100.{n}") for n in range(31)][-1] == 429
    assert [guess(behind_two, f"198.51.100.{n}") for n in range(31)][-1] == 429, "one entry is not from two proxies"


def wrong_key(client, key="mck_nobodys", address="192.0.2.1"):
    return client.get("/api/users/me", headers={"X-API-KEY": key}, environ_overrides={"REMOTE_ADDR": address})


def test_thirty_wrong_keys_a_minute_from_one_address_and_right_ones_are_let_in_all_the_same(limited):
    app = limited()
    alice = app.test_client()
    register(alice, "alice@example.org")
    key = alice.post("/api/keys", json={"name": "k", "password": PASSWORD}).get_json()["data"]["key"]
    program = app.test_client()
    assert {wrong_key(program, f"mck_{n}").status_code for n in range(30)} == {401}
    answer = wrong_key(program, "mck_31")
    assert (answer.status_code, answer.get_json()["code"]) == (429, "RATE_LIMITED")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert (answer.headers["RateLimit-Limit"], answer.headers["RateLimit-Remaining"]) == ("30", "0")
    assert wrong_key(program, key).status_code == 200
    assert wrong_key(program, address="192.0.2.2").status_code == 401


def test_ten_passwords_a_minute_from_a_signed_in_browser(limited, monkeypatch):
    """Who has stolen a session has not the password, and does not find it by trying."""
    app = limited()
    alice = app.test_client()
    register(alice, "alice@example.org")
    with monkeypatch.context() as patched:
        fast(patched)
        for number in range(10):
            body = {"currentPassword": f"guess {number}", "newPassword": "another password"}
            ask = ("POST", "/api/auth/password", body) if number % 2 else ("DELETE", "/api/users/me", {"password": "x"})
            assert alice.open(ask[1], method=ask[0], json=ask[2]).status_code == 403
    for method, path in [("DELETE", "/api/users/me"), ("POST", "/api/auth/password"), ("POST", "/api/keys")]:
        body = {"name": "k", "password": PASSWORD, "currentPassword": PASSWORD, "newPassword": "another password"}
        answer = alice.open(path, method=method, json=body)
        assert (answer.status_code, answer.get_json()["code"]) == (429, "RATE_LIMITED"), path
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert sign_in(app.test_client(), password=PASSWORD).status_code == 200


def test_a_network_of_ipv6_is_one_caller_and_every_address_of_ipv4_is(limited, monkeypatch):
    fast(monkeypatch)
    client = limited().test_client()

    def guesses(pattern):
        addresses = [pattern.format(number) for number in range(1, 32)]
        return [sign_in(client, email=f"{n}@example.org", address=one) for n, one in enumerate(addresses)][
            -1
        ].status_code

    monkeypatch.setattr(limits, "LOGINS_PER_ACCOUNT", counting.parse("1000 per minute"))
    assert guesses("2001:db8:1:2:{:x}::1") == 429
    assert guesses("2001:db8:1:{:x}::1") == 401
    assert guesses("::ffff:198.51.100.{}") == 401, "how a socket for both shows IPv4"
    assert guesses("::ffff:192.0.2.7") == 429
    assert sign_in(client, address="192.0.2.7").status_code == 429, "the same caller"


def test_a_store_that_is_down_keeps_nobody_out(limited, monkeypatch):
    app = limited()
    client = app.test_client()

    def fail(*_args, **_more):
        raise ConnectionError("the store is gone")

    monkeypatch.setattr(limiter._limiter, "hit", fail)
    assert register(client, "alice@example.org").status_code == 201
    assert client.get("/api/users/me").status_code == 200


def test_off_means_off(limited, monkeypatch):
    fast(monkeypatch)
    client = limited("off").test_client()
    assert {sign_in(client).status_code for _ in range(40)} == {401}


def test_values_that_cannot_be_used_stop_the_start_and_name_themselves(limited):
    with pytest.raises(ConfigError, match="MACROCHAT_RATE_LIMITS"):
        limited("plenty")
    with pytest.raises(ConfigError, match="MACROCHAT_RATE_LIMIT_STORAGE"):
        limited(MACROCHAT_RATE_LIMIT_STORAGE="nonsense://x")


def test_one_person_stores_so_much_a_day_and_others_go_on(limited):
    app = limited(MACROCHAT_STORED_MIB_PER_DAY="1")
    eve, ann = app.test_client(), app.test_client()
    register(eve, "eve@example.org", "192.0.2.1")
    register(ann, "ann@example.org", "192.0.2.2")
    long = {"systemPrompt": "é" * 100_000}
    chat = eve.post("/api/chats", json=long).get_json()["data"]["id"]
    asks = [("POST", "/api/chats"), ("PATCH", f"/api/chats/{chat}")] * 5
    answers = [eve.open(url, method=method, json=long) for method, url in asks]
    assert [answer.status_code for answer in answers][-2:] == [429, 429]
    assert answers[-1].get_json()["code"] == "RATE_LIMITED"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 2 * 86_400
    text = {"messages": [{"role": "user", "content": "x" * 99_000}]}
    assert eve.post(f"/api/chats/{chat}/stream", json=text).get_json()["code"] == "RATE_LIMITED"
    assert eve.get(f"/api/chats/{chat}").status_code == 200
    assert ann.post("/api/chats", json=long).status_code == 201
    app.extensions["macrochat"].stop()
