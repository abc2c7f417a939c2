"""A client may send the whole history along. Only the last message is looked at, and nobody waits for the rest."""

import json

import gevent
import pytest

from macrochat.bodies import strict_json
from macrochat.errors import ValidationError
from tests.support.patience import Stopwatch

MIB = 1024 * 1024


def history(count, last="hello"):
    messages = [{"role": "user", "content": "Words, more words. " * 100} for _ in range(count - 1)]
    return json.dumps({"id": "x", "messages": [*messages, {"role": "user", "content": last}], "model": "m"}).encode()


def test_a_small_history_is_read_whole():
    body = strict_json.parse_last(history(3), "messages")
    assert [message["role"] for message in body["messages"]] == ["user"] * 3


def test_of_a_large_one_the_last_message_and_its_place_are_kept():
    raw = history(4000)
    assert len(raw) > 7 * MIB
    body = strict_json.parse_last(raw, "messages")
    assert len(body["messages"]) == 4000
    assert body["messages"][-1] == {"role": "user", "content": "hello"}
    assert body["messages"][0] is None
    assert body["model"] == "m"


def test_a_last_message_of_ten_megabytes_arrives_whole():
    assert len(strict_json.parse_last(history(2, "x" * 10_000_000), "messages")["messages"][1]["content"]) == 10_000_000


@pytest.mark.parametrize(
    "raw",
    [
        b'{"messages": [' + b"[]," * (5 * MIB) + b"0]}",
        b'{"messages": [' + b"0," * (3 * MIB) + b"0]}",
        b'{"messages": [' + b"1," * MIB + b'{"a": 1, "a": 2}]}',
        b'{"messages": [' + b"1," * MIB + b"NaN]}",
        b'{"messages": [' + b"1," * MIB + b"[" * 65 + b"]" * 65 + b"]}",
        b'{"messages": [' + b"1," * MIB,
        b'{"messages": 5, "x": "' + b"x" * MIB + b'"',
        b"[" * (2 * MIB),
        b'{"x":' * MIB,
        b"\x00" * 2 * MIB,
        b'"' + b"x" * 2 * MIB,
        b'{"messages": ["' + b"x" * MIB + b'", "\xff"]}',
    ],
    ids=range(12),
)
def test_large_nonsense_is_refused_and_holds_nobody_up(raw):
    longest = 0.0

    def watch():
        nonlocal longest
        while True:
            turn = Stopwatch()
            gevent.sleep(0.001)
            longest = max(longest, turn.seconds)

    watcher = gevent.spawn(watch)
    gevent.sleep(0)
    with pytest.raises(ValidationError) as refusal:
        strict_json.parse_last(raw, "messages")
    watcher.kill()
    assert refusal.value.code == "INVALID_JSON"
    assert longest < 1  # 0.1 s on an idle machine; without the limits it is several seconds


def test_what_is_no_list_or_no_object_is_left_to_the_model():
    large = b"x" * (2 * MIB)
    assert strict_json.parse_last(b'{"x": "' + large + b'"}', "messages")["messages"] == []
    assert strict_json.parse_last(b'"' + large[:10] + b'"', "messages") == "xxxxxxxxxx"
