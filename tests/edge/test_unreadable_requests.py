"""What never reaches the application is refused in the same form as what does."""

import json
import uuid

import pytest

from tests.edge.raw import Connection

REQUESTS = {
    "a long address": (b"GET /api/chats?q=" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", 414, "URI_TOO_LONG"),
    "no method": (b"<script>alert(1)</script>\r\n\r\n", 400, "BAD_REQUEST"),
    "another version": (b"GET /api/health HTTP/9.9\r\n\r\n", 400, "BAD_REQUEST"),
    "a header without a colon": (b"GET /api/health HTTP/1.1\r\nHost localhost\r\n\r\n", 400, "BAD_REQUEST"),
    "a long header": (
        b"GET /api/health HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n", 431, "REQUEST_HEADER_FIELDS_TOO_LARGE",
    ),
    "two lengths": (
        b"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "BAD_REQUEST",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("sent", "status", "code"), REQUESTS.values(), ids=REQUESTS)
def test_it_is_refused_in_the_envelope_and_the_connection_ends(shared_server, sent, status, code):
    with Connection(shared_server().port) as connection:
        connection.send(sent)
        connection.end()
        answer = connection.answer()
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers["content-type"] == "application/json"
        body = json.loads(answer.body)
        assert set(body) == {"success", "error", "code", "requestId"}
        assert body["requestId"] == answer.headers["x-request-id"]
        assert uuid.UUID(body["requestId"])
        assert b"script" not in answer.body
        assert connection.closed()
