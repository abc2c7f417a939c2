"""No door does work that grows faster than what is sent to it: one request must not stop a worker for everybody.

Measured is this process's CPU time, which a busy machine does not stretch much; the bounds are generous, because what
is looked for is worse by hundreds: 400 kB of accents took 39 seconds to compose, 8 kB of spaces in a cookie 0.3.
"""

import json
import time
import uuid
from functools import partial
from urllib.parse import quote

import psutil
import pytest
import sqlalchemy as sa

from macrochat.accounts.forms import canonical_email
from macrochat.bodies import Body
from macrochat.bodies.models import _limits
from macrochat.chats.models import Chat
from macrochat.chats.titles import title_from
from macrochat.cookies import MAX_HEADER_BYTES
from macrochat.database import new_id
from macrochat.extensions import db
from macrochat.logs import hide_secrets
from tests.access.rules import CREDENTIALS, TABLE
from tests.edge.raw import Connection, request
from tests.support.answers import refusal

SESSION = CREDENTIALS[0]
SECONDS = 0.25
BODY, HEADER, ADDRESS = 400_000, 12_000, 4_000  # bytes, about as many as are let in

HOSTILE = {
    "accents": lambda n: "a" + "\u0301" * (n // 4) + "\u0323" * (n // 4),
    "spaces": lambda n: 'a="' + " " * n + "x",
    "open spaces": lambda n: "a=" + " " * n + '"',
    "invisible": lambda n: "\u200b" * (n // 3),
    "flags": lambda n: "\U0001f1e6" * (n // 4),
    "families": lambda n: "\U0001f469\u200d" * (n // 7),
    "expanding": lambda n: "\ufdfa" * (n // 3),
    "lines": lambda n: "\n" * n + "x",
    "commas": lambda n: "a ,;" * (n // 4),
    "quotes": lambda n: 'a;b="' + '\\"' * (n // 2),
    "percent": lambda n: "%" * n,
    "labels": lambda n: "a@" + "a." * (n // 2),
    "one label": lambda n: "a@" + "a-" * (n // 2),
    "slashes": lambda n: "/" * n,
    "brackets": lambda n: "[" * n,
    "digits": lambda n: "9" * n,
    "ranges": lambda n: "bytes=" + "0-1," * (n // 4),
    "preferences": lambda n: "text/html;q=0.1," * (n // 16),
    "cookies": lambda n: "a=b;" * (n // 4),
    "secrets": lambda n: "://" + "a:" * (n // 2),
}
HEADERS = (
    "Cookie", "Accept", "Authorization", "X-API-KEY", "If-None-Match", "If-Modified-Since", "If-Range", "Range", "Origin",
    "Last-Event-ID", "Idempotency-Key", "X-Request-Id", "X-Forwarded-For", "Forwarded", "User-Agent", "Host",
    "Sec-Fetch-Site", "Content-Type", "Content-Encoding", "X-Macrochat-Ticket", "Accept-Language",
)  # fmt: skip
HEADER_ROUTES = [
    *(
        "GET /static/images/icon.svg",
        "GET /login",
        "GET /api/chats",
        "POST /login",
        "POST /api/auth/login",
        "GET /metrics",
    ),
    *("GET /api/replies/{reply}/stream", "GET /api/openapi.json", "GET /api/ops/drip", "GET /nothing"),
]
FIELDS = [
    (route, field)
    for route, door in TABLE.items()
    for field, value in (door.body or {}).items()
    if isinstance(value, str)
]  # fmt: skip


@pytest.fixture
def ask(world):
    """Sends a request as alice's browser; the answer and the CPU seconds that it took."""

    def ask(route, **sent):
        method, path = route.split(" ", 1)
        path = path.format(reply=world.people["alice"].reply)
        headers = world.headers(SESSION) | sent.pop("headers", {})
        began = time.process_time()
        answer = world.client.open(path, method=method, headers=headers, buffered=True, **sent)
        return answer, time.process_time() - began

    return ask


@pytest.fixture
def fails(world):
    """Runs a command that must fail; its words."""

    def run(*args):
        result = world.app.test_cli_runner().invoke(args=list(args))
        assert result.exit_code == 1, result.output
        return result.stderr

    return run


def quick(attempt, name):
    """`attempt` (the CPU seconds of one try) stays below the bound; of what does not, the best of three counts."""
    if (seconds := attempt()) > SECONDS:
        seconds = min(seconds, attempt(), attempt())
    assert seconds <= SECONDS, f"{name}: {seconds:.2f} s"


@pytest.mark.parametrize(("route", "field"), FIELDS, ids=str)
def test_a_field_of_a_body(world, ask, route, field):
    path = world_path(world, route)
    for name, hostile in HOSTILE.items():
        body = TABLE[route].body | {field: hostile(BODY)}
        kind = "json" if path.split(" ")[1].startswith("/api/") else "data"
        quick(lambda kind=kind, body=body: ask(path, **{kind: body})[1], f"{field}: {name}")
    world.renew()


def test_400_kb_of_accents_as_an_email_are_refused_before_they_are_composed(ask):
    email = "a" + "\u0301" * 100_000 + "\u0323" * 100_000
    for path in ("/api/auth/register", "/api/auth/login"):
        answer, seconds = ask(f"POST {path}", json={"email": email, "password": "a long enough one"})
        refusal(answer, 400, "VALIDATION_ERROR")
        assert seconds < SECONDS
    for path in ("/register", "/login"):
        answer, seconds = ask(f"POST {path}", data={"email": email[:10_000], "password": "x"}, headers={"Cookie": ""})
        assert answer.status_code == 400, path
        assert seconds < SECONDS
    answer, _seconds = ask("POST /register", data={"email": email[:3000], "password": "x" * 8}, headers={"Cookie": ""})
    assert answer.status_code == 400
    assert b"must have at most 254 characters" in answer.data, "in the form"


def test_a_message(world, ask):
    path = world_path(world, "POST /api/chats/<chat_id>/stream")
    for name, hostile in HOSTILE.items():
        for message in (
            {"role": "user", "content": hostile(BODY)},
            {"role": "user", "content": "x", "id": hostile(BODY)},
        ):
            body = json.dumps({"messages": [message], "model": hostile(BODY)}).encode()
            headers = {"Content-Type": "application/json"}
            quick(lambda body=body, headers=headers: ask(path, data=body, headers=headers)[1], name)


def test_raw_bodies(ask):
    for name, hostile in HOSTILE.items():
        raw = hostile(BODY).encode()
        for route, kind in (("POST /login", "x-www-form-urlencoded"), ("POST /api/auth/login", "json")):
            headers = {"Content-Type": f"application/{kind}", "Cookie": ""}
            quick(
                lambda raw=raw, route=route, headers=headers: ask(route, data=raw, headers=headers)[1],
                f"{kind}: {name}",
            )


@pytest.mark.parametrize("route", HEADER_ROUTES)
def test_a_header(ask, route):
    for name, hostile in HOSTILE.items():
        value = hostile(HEADER).replace("\n", " ").encode().decode("latin-1")
        for header in HEADERS:
            quick(lambda header=header, value=value: ask(route, headers={header: value})[1], f"{header}: {name}")


def test_more_headers_than_anybody_needs_are_refused_unread(ask):
    for name, hostile in HOSTILE.items():
        value = ",".join([hostile(8000).replace("\n", " ").encode().decode("latin-1")] * 100)
        for header in ("Cookie", "Accept", "If-None-Match"):
            answer, _seconds = ask("GET /api/chats", headers={header: value})
            assert answer.status_code == 431, name
            refusal(answer, 431, "REQUEST_HEADER_FIELDS_TOO_LARGE")
            quick(lambda header=header, value=value: ask("GET /login", headers={header: value})[1], f"{header}: {name}")
    assert ask("GET /login", headers={"Cookie": "a=" + "x" * (MAX_HEADER_BYTES - 500)})[0].status_code < 400


def test_addresses_and_queries(world, ask):
    for name, hostile in HOSTILE.items():
        text = quote(hostile(ADDRESS), safe="")[: ADDRESS * 3]
        for rule in world.app.url_map.iter_rules():
            if "GET" not in rule.methods:
                continue
            path = "".join(f"{text}" if part.endswith(">") else part for part in _parts(rule.rule))
            query = "&".join(f"{key}={text}" for key in ("q", "cursor", "page", "limit", "offset", "next", "before"))
            quick(partial(lambda path, query: ask(f"GET {path}?{query}")[1], path, query), f"{rule.rule}: {name}")


def test_a_search_in_many_titles(world, ask):
    """A long row of one letter, looked for with another one behind it: LIKE takes as many steps as both lengths' product."""
    owner = world.people["alice"].id
    with world.app.app_context():
        rows = [{"id": new_id(), "user_id": owner, "title": "a" * 255} for _ in range(20_000)]
        db.session.execute(sa.insert(Chat), rows)
        db.session.commit()
    for words in ("a" * 254 + "b", "a" * 127 + "b" + "a" * 127, "%" * 255):
        quick(partial(lambda words: ask(f"GET /api/chats?q={quote(words)}")[1], words), words[120:130])
    world.renew()


def test_what_commands_and_logs_do_with_texts():
    hide = hide_secrets({"a secret of somebody"})
    for name, hostile in HOSTILE.items():
        text = hostile(BODY)
        for function in (
            canonical_email,
            title_from,
            lambda text: hide(None, "info", {"event": text, "exception": text}),
        ):
            quick(partial(_seconds, function, text), name)


def test_an_import_refuses_an_address_unread(fails, tmp_path):
    file = tmp_path / "chats"
    chat = {
        "id": str(uuid.uuid4()),
        "title": "x",
        "createdAt": "2026-01-01T00:00:00Z",
        "updatedAt": "2026-01-01T00:00:00Z",
    }
    for name, hostile in HOSTILE.items():
        user = {"id": str(uuid.uuid4()), "email": hostile(BODY)}
        lines = [{"type": "macrochat", "version": 1}, {**chat, "type": "chat", "user": user}]
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

        def attempt():
            began = time.process_time()
            said = fails("chats", "import", str(file), "--create-users")
            assert "user.email must be an email address" in said
            assert len(said) < 300
            return time.process_time() - began

        quick(attempt, name)


def test_one_request_of_a_stranger_costs_a_real_worker_next_to_nothing(shared_server):
    """Through gunicorn, which joins repeated headers and lets a hundred of 8 kB in."""
    site = shared_server()
    worker = psutil.Process(site.worker_pids()[0])
    spaces = [f'Cookie: a={" " * 8000}"x\r\n'] * 97
    accents = "a" + "\u0301" * 100_000 + "\u0323" * 100_000
    form = b"email=" + b"%CC%81" * 160_000
    requests = {
        "cookies": f"GET /login HTTP/1.1\r\nHost: localhost\r\n{''.join(spaces)}\r\n".encode(),
        "JSON": request(
            "POST", "/api/auth/register", json.dumps({"email": accents, "password": "x"}, ensure_ascii=False).encode()
        ),
        "form": request("POST", "/register", form, Content_Type="application/x-www-form-urlencoded"),
    }
    for name, raw in requests.items():
        before = sum(worker.cpu_times()[:2])
        with Connection(site.port, seconds=60) as connection:
            connection.send(raw)
            assert connection.answer().status in (400, 431), name
        assert sum(worker.cpu_times()[:2]) - before < 4 * SECONDS, name


def test_every_text_of_a_body_has_a_length_at_which_it_is_refused_unread():
    """Texts without one are measured by their views."""
    by_views = {"StreamBody.model"}
    assert {
        f"{model.__name__}.{name}"
        for model in Body.__subclasses__()
        if model.__module__.startswith("macrochat.")
        for name, schema in model.model_json_schema()["properties"].items()
        if any(_is_free_text(one) for one in (schema, *schema.get("anyOf", ()))) and name not in _limits(model)
    } == by_views


def _is_free_text(schema):
    return schema.get("type") == "string" and "enum" not in schema


def world_path(world, route):
    method, rule = route.split(" ", 1)
    return f"{method} {rule.replace('<chat_id>', str(world.people['alice'].chat))}"


def _parts(rule):
    return rule.replace("<", "\0<").replace(">", ">\0").split("\0")


def _seconds(function, text):
    began = time.process_time()
    function(text)
    return time.process_time() - began
