"""httpx and requests, used as their manuals say."""

import contextlib

import httpx
import pytest
import requests

from macrochat.providers.scripted import expected_text
from tests.replies.asking import asked, begin, messages_of, new_chat, question, say, status_of, unique

WORDS = "scripted-words:40:25"
HELD = expected_text("scripted-hold:3", [])


class Httpx:
    """`broken` is what a body raises that was cut."""

    broken = httpx.RemoteProtocolError

    def __init__(self, url, headers):
        self._client = httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False)
        self.close = self._client.close

    def ask(self, method, path, **options):
        return self._client.request(method, path, **options)

    @contextlib.contextmanager
    def stream(self, method, path, **options):
        """The answer before its body, and the body's pieces."""
        with self._client.stream(method, path, **options) as answer:
            yield answer, answer.iter_bytes()


class Requests:
    broken = requests.exceptions.ChunkedEncodingError

    def __init__(self, url, headers):
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(headers)
        self.close = self._session.close

    def ask(self, method, path, **options):
        return self._session.request(method, self._url + path, timeout=30, **options)

    @contextlib.contextmanager
    def stream(self, method, path, **options):
        with self._session.request(method, self._url + path, timeout=30, stream=True, **options) as answer:
            yield answer, answer.iter_content(chunk_size=None)


@pytest.fixture(params=[Httpx, Requests], ids=["httpx", "requests"])
def library(request):
    return request.param


@pytest.fixture
def call(library, key):
    """A factory: the library's client for an address, with Ann's key."""
    made = []

    def start(url, **headers):
        made.append(library(url, headers or {"X-API-KEY": key}))
        return made[-1]

    yield start
    for client in made:
        client.close()


@pytest.fixture
def client(call, site):
    return call(site.url)


def send_path(chat):
    return f"/api/chats/{chat}/stream"


def read_until(pieces, size):
    data = b""
    while len(data) < size:
        data += next(pieces)
    return data


def test_a_send_answers_with_the_text_and_nothing_else(client, ann, chat):
    answer = client.ask("POST", send_path(chat), json=question("hello", model="scripted-unicode"))
    text = expected_text("scripted-unicode", [])
    assert answer.status_code == 200
    assert answer.encoding.lower() == "utf-8"
    assert answer.text == text
    assert messages_of(ann, chat)[-1]["content"] == text
    assert answer.headers["Location"] == f"/api/replies/{answer.headers['X-Reply-Id']}"
    assert client.ask("GET", answer.headers["Location"]).json()["data"]["bytes"] == len(answer.content)


def test_words_can_be_read_while_the_model_still_writes(client, chat, provider):
    with client.stream("POST", send_path(chat), json=question("hello", model="scripted-hold:3")) as (_answer, pieces):
        begun = read_until(pieces, 9)
        provider.release()
        assert begun == b"w0 w1 w2 "
        assert (begun + b"".join(pieces)).decode() == HELD


def test_one_connection_serves_one_answer_after_another(client, ann, chat):
    for text in ("one", "two", "three"):
        assert client.ask("POST", send_path(chat), json=question(text)).text == text
    assert len(messages_of(ann, chat)) == 6


def test_a_running_answer_can_be_followed_from_any_byte(client, ann, chat, provider):
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    with client.stream("GET", f"/api/replies/{reply_id}/stream", params={"offset": 4}) as (answer, pieces):
        begun = read_until(pieces, 5)
        provider.release()
        assert answer.status_code == 200
        assert (begun + b"".join(pieces)).decode() == HELD[4:]


def test_a_range_is_a_part(client, ann, chat):
    reply_id = say(ann, chat, "0123456789", "scripted-echo").reply_id
    answer = client.ask("GET", f"/api/replies/{reply_id}/stream", headers={"Range": "bytes=4-"})
    assert (answer.status_code, answer.text) == (206, "456789")
    assert answer.headers["Content-Range"] == "bytes 4-9/10"


def test_a_body_that_breaks_at_the_provider_raises(client, library, chat):
    with pytest.raises(library.broken):
        client.ask("POST", send_path(chat), json=question("hello", model="scripted-cut:3"))


def test_a_body_that_breaks_at_the_provider_raises_after_its_beginning(client, library, ann, chat):
    begun = []
    with client.stream("POST", send_path(chat), json=question("hello", model="scripted-cut:3")) as (answer, pieces):
        with pytest.raises(library.broken):
            begun.extend(pieces)
    assert b"".join(begun) == b"w0 w1 w2 "
    assert status_of(ann, answer.headers["X-Reply-Id"])["status"] == "failed"


def test_after_a_cut_on_the_way_the_offset_brings_the_rest(client, call, library, proxy, chat):
    begun = []
    proxy.cut(60)
    ask = question("hello", model=WORDS)
    with call(proxy.url, **headers_of(client)).stream("POST", send_path(chat), json=ask) as (answer, pieces):
        with pytest.raises(library.broken):
            begun.extend(pieces)
    data = b"".join(begun)
    assert len(data) < len(expected_text(WORDS, []))
    rest = client.ask("GET", answer.headers["Location"] + "/stream", params={"offset": len(data)})
    assert (data + rest.content).decode() == expected_text(WORDS, [])


def headers_of(client):
    session = client._client if isinstance(client, Httpx) else client._session
    return {"X-API-KEY": session.headers["X-API-KEY"]}


@pytest.mark.parametrize("way", ["header", "message"])
def test_a_send_repeated_after_a_cut_is_the_same_answer(client, call, library, proxy, ann, chat, way, provider):
    text = unique()
    ask, headers = question(text, model=WORDS), {}
    if way == "header":
        headers = {"Idempotency-Key": "key-of-the-program"}
    else:
        ask["messages"][0]["id"] = "id-of-the-program"
    proxy.cut(60)
    with pytest.raises(library.broken):
        call(proxy.url, **headers_of(client)).ask("POST", send_path(chat), json=ask, headers=headers)
    again = client.ask("POST", send_path(chat), json=ask, headers=headers)
    assert again.text == expected_text(WORDS, [])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert [message["content"] for message in messages_of(ann, chat)] == [text, again.text]
    assert len(asked(provider, text)) == 1


def test_a_refusal_is_json(client, chat):
    answer = client.ask("POST", send_path(chat), json=question("hello", model="scripted-status:429:7"))
    assert (answer.status_code, answer.json()["code"]) == (503, "UPSTREAM_BUSY")
    assert answer.headers["Retry-After"] == "7"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_key_may_come_as_a_bearer_token(call, site, ann, key, scheme, provider):
    client = call(site.url, Authorization=f"{scheme} {key}")
    assert client.ask("POST", send_path(new_chat(ann)), json=question("hello")).text == "hello"


def test_no_key_is_a_401(call, site, chat):
    answer = call(site.url, Accept="*/*").ask("POST", send_path(chat), json=question("hello"))
    assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
