"""A file of chats may be anything: one that cannot be read costs itself and a line, and nothing else."""

import io
import itertools
import json
import random
import tracemalloc
import uuid
import zipfile

import pytest

from macrochat.cli import archive, reading
from tests.cli.test_archive import CONVERSATION, node

MOMENT = "2026-01-01T00:00:00Z"
USER = {"id": str(uuid.uuid4()), "email": "carol@example.org", "name": ""}


@pytest.fixture(params=["sqlite", "postgresql"])
def app(make_app, request):
    return make_app(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


def message(text="Hello", **more):
    return {"id": str(uuid.uuid4()), "role": "user", "content": text, "createdAt": MOMENT} | more


def chat(*messages, **more):
    times = {"createdAt": MOMENT, "updatedAt": MOMENT}
    return {"type": "chat", "id": str(uuid.uuid4()), "user": USER, "title": "t", "messages": messages, **times} | more


def reply(**more):
    return message(role="assistant", reply={"status": "complete", "model": "m", "startedAt": MOMENT} | more)


def same_id_twice():
    one = message()
    return chat(one, {**message("again", parentId=one["id"]), "clientId": "x"}, message("third", clientId="x"))


def deep(levels):
    return "[" * levels + "]" * levels


BAD = {
    "null": "null",
    "a list": "[]",
    "a number": "5",
    "half of it": '{"type": "chat", "id"',
    "no JSON": "hello",
    "100,000 deep": deep(100_000),
    "deep in its metadata": json.dumps(chat(message(metadata={"x": 1}))).replace(
        '{"x": 1}', f'{{"x": {deep(50_000)}}}'
    ),
    "no user": json.dumps({"type": "chat", "id": str(uuid.uuid4())}),
    "messages that are text": json.dumps(chat() | {"messages": "all of them"}),
    "a message that is null": json.dumps(chat(None)),
    "NUL": json.dumps(chat(message("a\0b"))),
    "half a surrogate pair": json.dumps(chat(message("a\ud83d"))),
    "half a pair in an id": json.dumps(chat(message(clientId="\ud83d"))),
    "a long title": json.dumps(chat(title="t" * 256)),
    "a long reason": json.dumps(chat(reply(finishReason="r" * 65))),
    "2^63 tokens": json.dumps(chat(reply(promptTokens=1 << 63))),
    "2^31 tokens": json.dumps(chat(reply(completionTokens=1 << 31))),
    "minus one token": json.dumps(chat(reply(promptTokens=-1))),
    "a million attempts of the wrong kind": json.dumps(chat(reply(attempts=1e300))),
    "year 10,000": json.dumps(chat(createdAt="10000-01-01T00:00:00Z")),
    "a time before all": json.dumps(chat(createdAt="0001-01-01T00:00:00+14:00")),
    "NaN for a time": json.dumps(chat(createdAt=float("nan"))),
    "infinity for a time": json.dumps(chat(updatedAt=float("inf"))),
    "a circle": json.dumps(
        chat(*(lambda a, b: (a | {"parentId": b["id"]}, b | {"parentId": a["id"]}))(message(), message()))
    ),
    "a parent that is nowhere": json.dumps(chat(message(parentId=str(uuid.uuid4())))),
    "one client's id twice": json.dumps(same_id_twice()),
    "NaN in metadata": json.dumps(chat(message(metadata={"x": "\ud83d" + "\0"}, id="not an id"))),
    "a role of its own": json.dumps(chat(message(role="tool"))),
}


def test_each_bad_chat_costs_one_line_and_the_good_ones_come(app, flask, fails, told, carol, tmp_path):
    file = tmp_path / "chats.jsonl"
    good = [json.dumps(chat(message(f"good {number}"), title=f"good {number}")) for number in range(len(BAD) + 1)]
    lines = ['{"type":"macrochat","version":1}', good[0]]
    for bad, fine in zip(BAD.values(), good[1:], strict=True):
        lines += [bad, fine]
    file.write_text("\n".join(lines) + "\n")
    out = fails("chats", "import", str(file))
    told_of = [line for line in out.splitlines() if line.startswith("line ")]
    numbers = [int(line.split()[1].rstrip(":")) for line in told_of]
    missing = [name for number, name in enumerate(BAD) if 3 + 2 * number not in numbers]
    assert missing == []
    assert len(numbers) == len(BAD)
    assert f"{len(BAD)} chats could not be read" in out
    assert len(told("chats", "list", "--limit", "1000")) == len(good)
    assert all(len(line) < 400 for line in told_of)


def test_a_long_chat_a_long_message_and_a_deep_one_are_fine(app, flask, told, carol, tmp_path):
    file = tmp_path / "chats.jsonl"
    chain = [message(f"{number}") for number in range(5_000)]
    for parent, child in itertools.pairwise(chain):
        child["parentId"] = parent["id"]
    random.Random(5).shuffle(chain)
    chats = [chat(*chain, title="deep"), chat(message("x" * 10_000_000), title="long")]
    file.write_text("\n".join(['{"type":"macrochat","version":1}', *map(json.dumps, chats)]))
    assert "2 chats and 5001 messages are new" in flask("chats", "import", str(file)).output
    assert "0 chats and 0 messages are new" in flask("chats", "import", str(file)).output
    assert {row["title"]: row["messages"] for row in told("chats", "list")} == {"deep": 5_000, "long": 1}


def test_what_is_longer_than_allowed_is_passed_over(app, fails, told, carol, tmp_path):
    file = tmp_path / "chats.jsonl"
    chats = [chat(message("x" * 2_000_000)), chat(message("short"), title="short")]
    file.write_text("\n".join(['{"type":"macrochat","version":1}', *map(json.dumps, chats)]))
    out = fails("chats", "import", str(file), "--max-chat-mib", "1")
    assert "line 2: longer than 1 MiB" in out
    assert [row["title"] for row in told("chats", "list")] == ["short"]


def conversation(**more):
    return CONVERSATION | {"id": str(uuid.uuid4())} | more


def chain_of_hidden(count):
    """Many answers below a long chain that nobody sees: each must not walk all of it."""
    nodes = dict(node(f"n{k}", f"n{k - 1}" if k else None, "tool", "") for k in range(count))
    nodes |= dict(node(f"m{k}", f"n{count - 1}", "user", f"{k}") for k in range(count))
    return conversation(mapping=nodes, current_node="m0")


def circle():
    return conversation(
        mapping=dict([node("a", "b", "user", "x"), node("b", "c", "tool", ""), node("c", "b", "tool", "")])
    )


def test_chatgpts_odd_conversations_cost_themselves_only(app, fails, told, carol, tmp_path):
    file = tmp_path / "conversations.json"
    bad = [None, 5, "text", [], {}, {"mapping": None}, {"mapping": []}, conversation(mapping=5), circle()]
    odd = [
        conversation(title="\ud83d\0", create_time=float("nan")),
        conversation(create_time=1e300, update_time=-1e300),
        conversation(title=None, current_node="nowhere"),
        conversation(title=5, mapping=CONVERSATION["mapping"] | {"x": None, "y": 5, "\ud83d": {"parent": "y"}}),
        conversation(title='brackets in "texts": ]}[{\\'),
        chain_of_hidden(6_000),
    ]
    texts = [json.dumps(one) for pair in zip(bad, odd + odd, strict=False) for one in pair][: 2 * len(bad)]
    extra = [deep(100_000), "{'single': 'quotes'}", json.dumps(odd[-1])]
    file.write_text("\ufeff [" + ",\n".join(texts + extra) + "]")
    out = fails("chats", "import", str(file), "--user", "carol@example.org")
    assert f"{len(bad) + 2} chats could not be read" in out
    for number in range(1, 2 * len(bad), 2):
        assert f"conversation {number}: " in out, bad[number // 2]
    assert len(told("chats", "list", "--limit", "100")) == len(odd)


@pytest.mark.parametrize("cut", [1, 2, 100, -3])
def test_a_cut_file_gives_what_stands_before_the_cut(app, fails, told, carol, tmp_path, cut):
    file = tmp_path / "conversations.json"
    first, second = json.dumps(conversation()), json.dumps(conversation())
    whole = f"[{first}, {second}]"
    file.write_text(whole[: len(first) + 3 + cut] if cut > 0 else whole[:cut])
    assert "not JSON" in fails("chats", "import", str(file), "--user", "carol@example.org")
    assert len(told("chats", "list")) == 1


def test_a_zip_that_is_none_is_refused_in_a_sentence(app, fails, carol, tmp_path):
    file = tmp_path / "export.zip"
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("conversations.json", json.dumps([CONVERSATION]) * 50, zipfile.ZIP_DEFLATED)
    data = bytearray(file.read_bytes())
    data[100:200] = bytes(100)
    file.write_bytes(data)
    fails("chats", "import", str(file), "--user", "carol@example.org")


class Endless(io.RawIOBase):
    """A list of so many equal items, made as it is read."""

    def __init__(self, item, count):
        self.parts = iter([b"[" + item] + [b"," + item] * (count - 1) + [b"]"])
        self.left = b""

    def read(self, size=-1):
        while len(self.left) < size and (part := next(self.parts, None)):
            self.left += part
        data, self.left = self.left[:size], self.left[size:]
        return data

    def seek(self, position, whence=0):
        self.__init__(b'{"x":"' + b"y" * 500_000 + b'"}', 200)
        return 0


def test_a_long_file_is_read_in_the_memory_of_one_chat():
    tracemalloc.start()
    count = sum(1 for item in reading.items(Endless(b"{}", 1), 1 << 20) if json.loads(item))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 200
    assert peak < 20_000_000, "of 100 MB"


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1000])
def test_items_are_the_same_wherever_the_reads_fall(monkeypatch, step):
    monkeypatch.setattr(reading, "STEP", step)
    found = [None, True, 5, "a\\", '"]', {"x": ["}", {"y": '\\"'}]}, [], [[]], "\\\\"]
    for text in (json.dumps(found), json.dumps(found, indent=2), json.dumps(found, ensure_ascii=False)):
        items = list(reading.items(io.BytesIO(text.encode()), 1000)) if step > 1 else list(whole_start(text))
        assert [json.loads(item) for item in items] == found
    assert list(reading.items(io.BytesIO(b"[ ]"), 10)) == [] or step == 1


def whole_start(text):
    splitter = reading._Splitter(1000)
    for byte in text.encode():
        yield from splitter.feed(bytes([byte]))


def test_a_long_chat_is_written_in_the_memory_of_a_few_messages(app, flask, carol, tmp_path):
    file = tmp_path / "chats.jsonl"
    chain = [message("ü" * 10_000 + str(number)) for number in range(600)]
    for parent, child in itertools.pairwise(chain):
        child["parentId"] = parent["id"]
    file.write_text("\n".join(['{"type":"macrochat","version":1}', json.dumps(chat(*chain), ensure_ascii=False)]))
    flask("chats", "import", str(file))
    tracemalloc.start()
    with app.app_context():
        count = sum(len(piece) for line in archive.export(None) for piece in line)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count > 12_000_000
    assert peak < count * 0.6
    out = tmp_path / "again.jsonl"
    flask("chats", "export", "--output", str(out))
    exported = json.loads(out.read_text().splitlines()[1])["messages"]
    assert [one["content"] for one in exported] == [one["content"] for one in sorted(chain, key=lambda one: one["id"])]
