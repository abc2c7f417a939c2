"""A model that says nothing yet gives signs of life: they count for MACROCHAT_SILENCE_LIMIT, on every worker."""

import threading

import pytest

from tests.support.answers import data_of

COMMENTS = "scripted-comments:55:300"  # for 16.5 s, of which a send waits 10 for its answer; then ten words


@pytest.mark.slow
def test_comments_of_a_provider_count_as_life_for_readers_on_all_workers(server):
    one = server(workers=2, MACROCHAT_MODELS=COMMENTS, MACROCHAT_SILENCE_LIMIT=3)
    person = one.client()
    chat = data_of(person.post("/api/chats", json={}), 201)
    body = {"messages": [{"role": "user", "content": "x"}]}
    texts = []
    with person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body) as answer:
        reply = answer.headers["X-Reply-Id"]
        readers = [threading.Thread(target=_read, args=(one.client(person.email), reply, texts)) for _ in range(6)]
        for reader in readers:
            reader.start()
        text = answer.read().decode()
        for reader in readers:
            reader.join()
    assert len(text.split()) == 10
    assert texts == [text] * 6


def _read(client, reply, texts):
    texts.append(client.get(f"/api/replies/{reply}/stream").text)
