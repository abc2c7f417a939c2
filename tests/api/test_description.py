"""The description: valid, whole, for everybody, and cheap to ask for again."""

from __future__ import annotations

import re

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from macrochat.accounts.access import ACCESS, Access
from macrochat.openapi.catalogue import NOT_API, OPERATIONS, TAGS
from macrochat.openapi.document import HEADERS, methods_of, path_of
from macrochat.web.requests import CORS_RESPONSE_HEADERS
from tests.support.processes import ROOT

CODE = re.compile(r'\bcode(?:=| = |: str = )"([A-Z][A-Z_]+)"|"(TEXT_(?:NOT|CONTAINS)_[A-Z]+)"')
# Told by pages, by routes nobody declared, about replies that failed later, or in place of an answer's own code.
NOT_TOLD_BEFOREHAND = {
    "INVALID_FORM", "ENDPOINT_NOT_DECLARED", "INTERNAL_ERROR", "CONFLICT", "FORBIDDEN", "UNPROCESSABLE",
    "UPSTREAM_CLOSED", "UPSTREAM_INTERRUPTED", "UPSTREAM_EMPTY", "REPLY_TOO_LONG", "WORKER_LOST",
}  # fmt: skip
BY_GUNICORN = {"BAD_REQUEST", "URI_TOO_LONG", "REQUEST_HEADER_FIELDS_TOO_LARGE"}


@pytest.fixture
def document(client):
    return client.get("/api/openapi.json").get_json()


def operations_of(document):
    return [operation for item in document["paths"].values() for operation in item.values()]


def test_it_is_valid_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_route_is_described_or_declared_to_be_no_part_of_the_api(app):
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert endpoints == set(OPERATIONS) | NOT_API
    assert set(OPERATIONS).isdisjoint(NOT_API)
    assert {rule.endpoint for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")} & NOT_API == {
        "ops.drip_slowly"
    }


def test_every_method_of_every_described_route_stands_there_and_no_other(app, document):
    routes = {
        (path_of(rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.endpoint in OPERATIONS
        for method in methods_of(rule)
    }
    assert routes == {(path, method) for path, item in document["paths"].items() for method in item}
    served = {rule.endpoint: rule.methods - {"HEAD", "OPTIONS"} for rule in app.url_map.iter_rules()}
    assert all(set(methods_of(rule)) == served[rule.endpoint] for rule in app.url_map.iter_rules())


def test_operations_have_names_words_and_a_place(document):
    operations = operations_of(document)
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert {operation["tags"][0] for operation in operations} == set(TAGS)
    for operation in operations:
        assert operation["summary"]
        assert re.fullmatch(r"[a-z][A-Za-z]+", operation["operationId"])


def test_who_may_call_is_what_the_table_of_guards_says(app, document):
    for rule in app.url_map.iter_rules():
        if rule.endpoint in OPERATIONS:
            for method in methods_of(rule):
                ways = [name for way in document["paths"][path_of(rule)][method.lower()]["security"] for name in way]
                assert ("session" in ways) == (ACCESS[rule.endpoint] in (Access.USER, Access.SESSION))
                assert ("apiKey" in ways and "bearer" in ways) == (ACCESS[rule.endpoint] is Access.USER)


def test_every_code_that_the_program_knows_is_told_somewhere(document):
    told = {code for operation in operations_of(document) for code in codes_of(operation)}
    sources = [
        path for path in (ROOT / "macrochat").rglob("*.py") if not {"openapi", "cli", "scripted"} & {*path.parts}
    ]
    known = {match[1] or match[2] for path in sources for match in CODE.finditer(path.read_text())}
    assert (known - NOT_TOLD_BEFOREHAND) | BY_GUNICORN == told


def codes_of(operation):
    for answer in operation["responses"].values():
        for part in answer.get("content", {}).get("application/json", {}).get("schema", {}).get("allOf", []):
            yield from part.get("properties", {}).get("code", {}).get("enum", [])


def test_strangers_may_ask_and_ask_again_for_nothing(client):
    first = client.get("/api/openapi.json")
    assert (first.status_code, first.content_type) == (200, "application/json")
    assert "public" in first.headers["Cache-Control"]
    again = client.get("/api/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/api/openapi.json", headers={"If-None-Match": '"another"'}).status_code == 200


def test_it_is_the_same_for_every_host_and_worker(make_app, sqlite_url, client):
    other = make_app(sqlite_url).test_client().get("/api/openapi.json", base_url="https://chat.example.org")
    assert other.headers["ETag"] == client.get("/api/openapi.json").headers["ETag"]


def test_pages_of_allowed_origins_may_read_every_header_but_those_that_are_the_browsers_own():
    exposed = set(CORS_RESPONSE_HEADERS.split(", "))
    assert set(HEADERS) - exposed == {"Set-Cookie", "WWW-Authenticate", "Clear-Site-Data"}
