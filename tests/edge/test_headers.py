"""What every answer carries, whatever it is."""

import re

import pytest

from tests.support.servers import register

PATHS = [
    "/api/users/me",
    "/api/nothing",
    "/nothing",
    "/healthz",
    "/api/health",
    "/login",
    "/static/images/icon.svg",
    "/",
]


@pytest.fixture
def answers(client, alice):
    return [who.get(path, buffered=True) for path in PATHS for who in (client, alice)]


def test_w57_no_answer_lets_foreign_code_in(answers):
    for answer in answers:
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in str(policy)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["X-DNS-Prefetch-Control"] == "off"


def test_nothing_about_a_person_is_kept_in_caches(client, alice):
    for path in ["/api/users/me", "/api/chats", "/api/keys", "/api/nothing", "/", "/settings", "/login"]:
        for who in (client, alice):
            assert "no-store" in who.get(path).headers["Cache-Control"], path


def test_https_is_remembered_and_http_is_not(client):
    assert "Strict-Transport-Security" not in client.get("/healthz").headers
    answer = client.get("/healthz", base_url="https://localhost")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_every_answer_has_an_id_of_its_own(answers):
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f-]{36}", one) for one in ids)


def test_a_sensible_id_is_taken_over_and_any_other_is_replaced(client):
    for given in ["abcdefgh", "a.b_c-1234", "0" * 128]:
        assert client.get("/api/nothing", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given
    for given in ["", "short", "x" * 129, "white space", "<script>xx", "läut-äre", 'quo"ted"', "a,b,c,d,e"]:
        answer = client.get("/api/nothing", headers={"X-Request-Id": given})
        assert answer.headers["X-Request-Id"] != given
        assert answer.get_json()["requestId"] == answer.headers["X-Request-Id"]


class TestCors:
    OURS, FOREIGN = "https://app.example.org", "https://evil.example"

    @pytest.fixture
    def listed(self, make_app, sqlite_url):
        app = make_app(sqlite_url, MACROCHAT_CORS_ORIGINS=f"{self.OURS}, http://localhost:3000")
        return register(app.test_client(), "alice@example.org")

    def test_off_by_default(self, client):
        for method in ("GET", "OPTIONS"):
            answer = client.open(
                "/api/users/me",
                method=method,
                headers={"Origin": self.OURS, "Access-Control-Request-Method": "GET"},
            )
            assert not [name for name in answer.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118

    def test_a_listed_origin_gets_itself_and_credentials(self, listed):
        answer = listed.get("/api/users/me", headers={"Origin": self.OURS})
        assert answer.headers["Access-Control-Allow-Origin"] == self.OURS
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
        assert "X-Reply-Id" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]

    def test_its_preflight_is_answered_without_credentials(self, listed):
        headers = {"Origin": self.OURS, "Access-Control-Request-Method": "PATCH"}
        answer = listed.application.test_client().options("/api/chats/x", headers=headers)
        assert answer.status_code == 204
        assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
        for name in ("X-API-KEY", "Authorization", "Idempotency-Key", "Content-Type"):
            assert name in answer.headers["Access-Control-Allow-Headers"]
        assert answer.headers["Access-Control-Allow-Origin"] == self.OURS

    def test_any_other_origin_gets_nothing_but_vary(self, listed):
        for origin in [self.FOREIGN, "null", f"{self.OURS}.evil.example", self.OURS.upper(), f"{self.OURS}/", "*", ""]:
            answer = listed.get("/api/users/me", headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in answer.headers, origin
            assert "Origin" in answer.headers["Vary"]

    def test_no_other_origin_s_preflight_is_granted_anything(self, listed):
        for origin in [
            self.FOREIGN,
            "null",
            f"http://{self.OURS[8:]}",
            f"{self.OURS}:444",
            "https://",
            f"{self.OURS} {self.FOREIGN}",
        ]:
            for asked in ("GET", "POST", "DELETE"):
                headers = {"Origin": origin, "Access-Control-Request-Method": asked}
                answer = listed.options("/api/chats", headers=headers)
                assert not [name for name in dict(answer.headers) if name.startswith("Access-Control")], origin

    def test_errors_can_be_read_by_listed_origins_too(self, listed):
        answer = listed.get("/api/nothing", headers={"Origin": self.OURS})
        assert answer.headers["Access-Control-Allow-Origin"] == self.OURS


class TestPreferences:
    """Cookies that anybody can make say how pages look; none of them breaks one or reaches into it."""

    @pytest.mark.parametrize("name", ["macrochat_tz", "macrochat_theme", "macrochat_sidebar"])
    @pytest.mark.parametrize(
        "value",
        ["", "..", "../../../../etc/passwd", "/etc/passwd", "%2e%2e%2fetc", "America", "America/", "a" * 3000, "%00", "%ff",
         "<script>x</script>", '"><script>x', "__init__.py", "tzdata", "Europe/Berlin%00", "é", "UTC;x", "{{7*7}}"],
    )  # fmt: skip
    def test_any_value_will_do(self, alice, name, value):
        alice.post("/api/chats", json={"title": "Plans"})
        alice.set_cookie(name, value)
        for path in ("/", "/settings"):
            answer = alice.get(path)
            assert answer.status_code == 200
            assert "<script>x" not in answer.text
            assert "root:" not in answer.text


class TestHosts:
    @pytest.fixture
    def listed(self, make_app, sqlite_url):
        return make_app(sqlite_url, MACROCHAT_ALLOWED_HOSTS="chat.example.org, localhost:8000").test_client()

    def test_listed_names_are_answered_with_any_port_unless_one_is_listed(self, listed):
        for host in ["chat.example.org", "chat.example.org:8443", "CHAT.example.org", "localhost:8000"]:
            assert listed.get("/api/nothing", headers={"Host": host}).status_code == 404, host

    def test_other_names_are_refused(self, listed):
        for host in [
            "evil.example",
            "chat.example.org.evil.example",
            "localhost",
            "localhost:9",
            "[::1]",
            "x@y",
            "a b",
        ]:
            answer = listed.get("/api/nothing", headers={"Host": host})
            assert (answer.status_code, answer.get_json()["code"]) == (400, "HOST_NOT_ALLOWED"), host

    def test_probes_are_answered_under_any_name(self, listed):
        assert listed.get("/healthz", headers={"Host": "10.0.0.7"}).status_code == 200

    def test_without_a_list_every_name_is_answered(self, client):
        for host in ["evil.example", "[::1]:80", "x y", ""]:
            assert client.get("/api/nothing", headers={"Host": host}).status_code == 404


class TestProxies:
    FORWARDED = {
        "X-Forwarded-For": "203.0.113.5",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "chat.example.org",
    }

    def sign_up(self, app):
        body = {"email": "alice@example.org", "password": "correct horse"}
        client = app.test_client()
        answer = client.post("/api/auth/register", json=body, headers=self.FORWARDED)
        return answer, client

    def test_without_a_trusted_proxy_forwarding_headers_mean_nothing(self, app):
        answer, client = self.sign_up(app)
        assert "Secure" not in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" not in answer.headers
        assert client.get("/api/sessions").get_json()["data"][0]["address"] == "127.0.0.1"

    def test_a_trusted_proxy_is_believed(self, make_app, sqlite_url):
        answer, client = self.sign_up(make_app(sqlite_url, MACROCHAT_TRUSTED_PROXIES="1"))
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" in answer.headers
        seen = client.get("/api/sessions", headers=self.FORWARDED).get_json()["data"]
        assert seen[0]["address"] == "203.0.113.5"

    def test_of_two_proxies_the_outer_one_tells_who_calls(self, make_app, sqlite_url):
        client = make_app(sqlite_url, MACROCHAT_TRUSTED_PROXIES="2").test_client()
        body = {"email": "alice@example.org", "password": "correct horse"}
        both = {"X-Forwarded-For": "192.0.2.66, 203.0.113.5, 10.0.0.2", "X-Forwarded-Proto": "https, http"}
        cookie = client.post("/api/auth/register", json=body, headers=both).headers["Set-Cookie"]
        assert "Secure" in cookie
        seen = client.get("/api/sessions", headers=both, base_url="https://localhost").get_json()["data"]
        assert seen[0]["address"] == "203.0.113.5", "neither what the caller claims nor the inner proxy"

    def test_behind_a_proxy_the_public_name_decides_what_is_another_site(self, make_app, sqlite_url):
        client = make_app(sqlite_url, MACROCHAT_TRUSTED_PROXIES="1").test_client()
        headers = self.FORWARDED | {"Origin": "https://chat.example.org"}
        assert client.post("/api/auth/logout", headers=headers).status_code == 200
        headers["Origin"] = "https://evil.example"
        assert client.post("/api/auth/logout", headers=headers).status_code == 403
