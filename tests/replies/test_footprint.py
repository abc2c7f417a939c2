"""What an open body keeps in memory while it waits for text (how much that is: docs/performance.md)."""

import pytest
from flask import request, request_started

from tests.replies.asking import new_chat, question, send
from tests.replies.hearing import post


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream"])
def test_an_open_body_keeps_nothing_of_its_request(app, alice, chat, provider, accept):
    environs = []  # held here as a server holds it, to the body's end

    def hold(_app, **_signal):
        environs.append(request.environ)

    with request_started.connected_to(hold, app):
        answer = post(alice, chat, question("hello", model="scripted-hold:3"), Accept=accept)
    body = iter(answer.response)
    while b"w0" not in next(body):
        pass
    assert len(environs) == 1
    assert all(isinstance(value, str) for value in environs[0].values())
    assert not any(name.startswith("HTTP_") for name in environs[0])
    provider.release()
    assert b"".join(body)
    answer.close()


def test_in_production_a_connection_serves_the_next_request_after_a_stream(server):
    """gunicorn's own access log, which is on there, reads the request again when the body has ended."""
    one = server(MACROCHAT_ENV="production", HOST="127.0.0.1", MACROCHAT_MODELS="scripted-words:3")
    person = one.client()
    for _ in range(2):
        with send(person, new_chat(person), "hello", "scripted-words:3") as body:
            assert body.to_end() == b"w0 w1 w2 "
            assert not body.cut
    assert "Error handling request" not in one.process.output()
