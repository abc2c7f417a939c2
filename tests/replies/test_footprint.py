"""What an open body keeps in memory while it waits for text (how much that is: docs/performance.md)."""

import pytest
from flask import request, request_started

from tests.replies.asking import question
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
    assert environs == [{}]
    provider.release()
    assert b"".join(body)
    answer.close()
