"""Bodies that no honest client sends: each gets its status and code, the next request works, nothing is stored."""

import io
import json

import pytest

from macrochat import create_app
from macrochat.accounts.models import User
from macrochat.bodies import strict_json
from macrochat.extensions import db
from tests.support.databases import settings_for

JSON = "application/json"
PATH = "/api/auth/register"


@pytest.fixture(scope="module")
def app(databases, tmp_path_factory):
    """One for the whole module: that it goes on working is part of what is tested."""
    settings = settings_for(databases("sqlite").create(), tmp_path_factory.mktemp("i"), MACROCHAT_RATE_LIMITS="off")
    return create_app(settings)


@pytest.fixture
def send(app):
    """Sends a body to the sign-up address; checks the envelope and that nothing was stored. Returns (status, code)."""

    def send(body, content_type=JSON, **options):
        answer = app.test_client().post(PATH, data=body, content_type=content_type, **options)
        shown = answer.get_json()
        assert shown["success"] is False
        assert shown["requestId"] == answer.headers["X-Request-Id"]
        assert shown["error"]
        with app.app_context():
            assert db.session.scalar(db.select(db.func.count()).select_from(User)) == 0
        return answer.status_code, shown["code"]

    return send


def test_only_json_in_utf_8_is_read(send):
    for content_type in [
        None, "", "text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/jsonp", "application/json-seq", "application/problem+json", "application/json; charset=utf-16",
        "application/json; charset=latin-1", "application/json, text/plain", "application/json; a=b", "/", "x" * 1000,
    ]:  # fmt: skip
        assert send(b"{}", content_type) == (415, "UNSUPPORTED_MEDIA_TYPE"), content_type


def test_json_may_say_that_it_is_utf_8(send):
    for content_type in [JSON, "Application/JSON", f"{JSON};charset=UTF-8", f'{JSON} ; charset = "utf-8" ']:
        assert send(b"{}", content_type) == (400, "VALIDATION_ERROR"), content_type


def test_encoded_bodies_are_not_unpacked(send):
    for coding in ["gzip", "br", "deflate", "zstd", "gzip, identity", "x"]:
        assert send(b"{}", headers={"Content-Encoding": coding}) == (415, "UNSUPPORTED_MEDIA_TYPE"), coding
    assert send(b"{}", headers={"Content-Encoding": "identity"}) == (400, "VALIDATION_ERROR")


MALFORMED = {
    "nothing": b"",
    "white space": b" \n\t",
    "half an object": b'{"email": "a@b.c", ',
    "half a string": b'{"email": "a',
    "two values": b"{} {}",
    "a trailing comma": b'{"email": "a@b.c",}',
    "single quotes": b"{'email': 'a@b.c'}",
    "a comment": b"{/* */}",
    "a bare word": b"undefined",
    "NaN": b'{"email": NaN}',
    "Infinity": b'{"email": Infinity}',
    "minus Infinity": b'{"email": -Infinity}',
    "a number beyond doubles": b'{"email": 1e999}',
    "a number far below zero": b'{"email": -1e999}',
    "5,000 digits": b'{"email": ' + b"9" * 5000 + b"}",
    "5,000 decimals": b'{"email": 0.' + b"9" * 5000 + b"}",
    "a leading zero": b'{"email": 01}',
    "a key twice": b'{"email": "a@b.c", "email": "d@e.f", "password": "correct horse"}',
    "a key twice, escaped": b'{"email": "a@b.c", "\\u0065mail": "d@e.f", "password": "correct horse"}',
    "a key twice, further in": b'{"x": {"a": 1, "a": 2}}',
    "invalid UTF-8": b'{"email": "\xff\xfe"}',
    "overlong UTF-8": b'{"email": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"email": "\xed\xa0\x80"}',
    "cut UTF-8": b'{"email": "\xe2\x82',
    "UTF-16": '{"email": "a"}'.encode("utf-16"),
    "UTF-16 without mark": '{"email": "a"}'.encode("utf-16-le"),
    "UTF-32": '{"email": "a"}'.encode("utf-32"),
    "a byte order mark": b'\xef\xbb\xbf{"email": "a@b.c", "password": "correct horse"}',
    "a raw control character": b'{"email": "a\nb"}',
    "a raw NUL": b'{"email": "a\0b"}',
    "NUL after the object": b"{}\0",
    "65 levels": b'{"x": ' + b"[" * 64 + b"]" * 64 + b"}",
    "100,000 levels": b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 levels, open": b"[" * 100_000,
    "100,000 objects deep": b'{"x":' * 100_000,
    "too many lists": b'{"x": [' + b"[]," * 300_000 + b"0]}",
    "gzip": b"\x1f\x8b\x08\x00",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_is_not_json_is_refused(send, what):
    assert send(MALFORMED[what]) == (400, "INVALID_JSON")


NO_OBJECTS = [b"null", b"true", b"5", b'"text"', b"[]", b'[{"email": "a@b.c"}]', b"1e5", b"-0.0"]


def test_the_body_must_be_an_object(send):
    for body in NO_OBJECTS:
        assert send(body) == (400, "VALIDATION_ERROR"), body


def test_64_levels_are_fine_and_unknown_keys_are_ignored(send):
    body = b'{"x": ' + b"[" * 63 + b"]" * 63 + b', "__proto__": {}, "\\ud800": 1}'
    assert send(body) == (400, "VALIDATION_ERROR")  # email and password are missing, no more


def test_many_wrong_fields_do_not_make_a_long_answer(app):
    body = json.dumps({"email": 1, "password": [2] * 10_000, "name": {"a": "b" * 100_000}})
    answer = app.test_client().post(PATH, data=body, content_type=JSON)
    assert answer.status_code == 400
    assert len(answer.data) < 2000


def test_a_mebibyte_fits_and_a_byte_more_does_not(send):
    def body(size):
        return b'{"x": "' + b"x" * (size - 9) + b'"}'

    assert send(body(1024 * 1024)) == (400, "VALIDATION_ERROR")
    assert send(body(1024 * 1024 + 1)) == (413, "BODY_TOO_LARGE")


def announced(stream, length):
    """A body of which the header says that it has `length` bytes."""
    return {"input_stream": stream, "environ_overrides": {"CONTENT_LENGTH": str(length)}}


def test_a_body_shorter_than_announced_is_not_taken_for_whole(send):
    whole = json.dumps({"email": "a@b.c", "password": "correct horse"}).encode()
    for missing in (1, 10, len(whole)):
        stream = io.BytesIO(whole[: len(whole) - missing])
        assert send(None, **announced(stream, len(whole))) == (400, "BODY_INCOMPLETE"), missing


def test_of_a_body_longer_than_announced_only_the_announced_part_is_read(send):
    stream = io.BytesIO(b'{"a": 1}{"b": 2}')
    assert send(None, **announced(stream, 8)) == (400, "VALIDATION_ERROR")
    assert stream.read() == b'{"b": 2}'


def test_a_connection_that_breaks_is_an_incomplete_body(send):
    class Broken(io.BytesIO):
        def read(self, *_size):
            raise ConnectionResetError

    assert send(None, **announced(Broken(), 8)) == (400, "BODY_INCOMPLETE")


def test_a_sentence_never_repeats_what_was_sent(app):
    body = {"email": "<script>alert(1)</script>", "password": "hunter2"}
    text = app.test_client().post(PATH, json=body).text
    assert "script" not in text
    assert "hunter2" not in text


def test_numbers_within_reason_are_read():
    assert strict_json.parse(b'{"a": 123456789012345678901234567890, "b": -0.5e-300, "c": 1e308}') == {
        "a": 123456789012345678901234567890,
        "b": -0.5e-300,
        "c": 1e308,
    }


class TestForms:
    """The pages' forms have the same limits."""

    FORM = "application/x-www-form-urlencoded"

    @pytest.fixture
    def post(self, app):
        def post(body, content_type=self.FORM, **options):
            return app.test_client().post("/login", data=body, content_type=content_type, **options)

        return post

    def test_only_url_encoded_forms_are_read(self, post):
        for content_type in ["multipart/form-data; boundary=x", "text/plain", JSON, f"{self.FORM}; charset=utf-16"]:
            assert post(b"email=a", content_type).status_code == 415, content_type

    def test_forms_that_cannot_be_understood(self, post):
        for body in [b"email=%ff%fe", b"email=\xff", b"&".join(b"a%d=1" % n for n in range(100))]:
            assert post(body).status_code == 400, body[:20]

    def test_a_form_is_no_larger_than_other_bodies(self, post):
        assert post(b"email=" + b"a" * 1024 * 1024).status_code == 413

    def test_missing_fields_are_told_in_the_form(self, post):
        answer = post(b"")
        assert (answer.status_code, answer.mimetype) == (400, "text/html")
