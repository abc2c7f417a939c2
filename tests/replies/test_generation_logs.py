"""What a generation writes to the log (S14, S17, S19–S21): progress, its end, its failure, always with all ids."""

import json

import gevent
import pytest
from structlog.testing import capture_logs

from macrochat import metrics
from macrochat.replies.writing import generation, step
from tests.replies.asking import question
from tests.replies.hearing import post, tell
from tests.replies.puppet import MODEL, Puppet
from tests.support.processes import wait_until


class Recorder:
    def __init__(self):
        self.lines = []

    def __getattr__(self, level):
        return lambda event, **fields: self.lines.append((level, event, fields))

    def named(self, event):
        return [(level, fields) for level, name, fields in self.lines if name == event]


@pytest.fixture
def log(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(generation, "log_line", recorder)
    monkeypatch.setattr(metrics, "log_line", recorder)
    return recorder


def ids_of(heard, chat, person):
    return {"replyId": heard.reply_id, "chatId": chat, "userId": person.user["id"]}


def test_progress_is_a_debug_line_every_tenth_chunk(app, alice, chat, log, monkeypatch):
    """The puppet's words are a chunk each, which words from a socket are only on a machine that is quick enough."""
    puppet = Puppet()
    monkeypatch.setattr(app.extensions["macrochat"], "registry", puppet)
    telling = gevent.spawn(tell, alice, chat, "hello", MODEL)
    line = wait_until(lambda: puppet.line_for("hello"))
    for number in range(35):
        line.say(f"w{number} ")
    line.finish()
    heard = telling.get(timeout=30)
    lines = log.named("chunk_processing_metrics")
    assert {level for level, _fields in lines} == {"debug"}
    counts = [fields["chunkIndex"] for _level, fields in lines]
    assert counts == [10, 20, 30]
    sizes = [fields["bytes"] for _level, fields in lines]
    assert sizes == sorted(sizes)
    assert all(fields.items() >= ids_of(heard, chat, alice).items() for _level, fields in lines)


def test_the_end_is_one_line_with_the_figures(alice, chat, log):
    heard = tell(alice, chat, "hello", "scripted-words:20:20")
    [(level, fields)] = wait_until(lambda: log.named("streaming_session_completed"))
    assert level == "info"
    assert fields.items() >= ids_of(heard, chat, alice).items()
    assert (fields["success"], fields["status"], fields["bytes"]) == (True, "complete", len(heard.data))
    assert fields["totalTokens"] == 20
    assert 300 < fields["durationMs"] < 20_000
    assert 0 < fields["chunksReceived"] <= 20


def test_a_failure_says_how_far_it_came_but_not_what_was_said(alice, chat, log):
    heard = tell(alice, chat, "my secret", "scripted-cut:3")
    [(level, fields)] = log.named("stream_processing_error")
    assert level == "warning"
    assert fields.items() >= ids_of(heard, chat, alice).items()
    assert (fields["code"], fields["chunkCount"] >= 1) == ("UPSTREAM_INTERRUPTED", True)
    assert "durationMs" in fields
    assert "contentLength" in fields
    assert "my secret" not in str(log.lines)
    assert "w0 w1" not in str(log.lines)


def test_a_refusal_is_told_and_logged_by_its_status_and_not_in_its_own_words(alice, chat, log):
    answer = post(alice, chat, question("hello", model="scripted-status:401"))
    [(_level, fields)] = log.named("stream_processing_error")
    assert "HTTP 401" in fields["detail"]
    assert "You asked for" not in answer.text + str(log.lines)


SECRET = "my secret diary"
TOLD = {"event": {"choices": [{"delta": {"content": SECRET}}]}}


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 400, "body": [f'{{"error":{{"message":"bad: {SECRET}","code":"{SECRET}"}}}}']},
        {"status": 500, "body": [SECRET]},
        {"status": 422, "body": [f'{{"detail":[{{"msg":"bad","input":"{SECRET}"}}]}}']},
        {"status": 302, "headers": {"Location": "http://x/my-secret-diary"}, "body": []},
        {"headers": {"Content-Type": "text/html"}, "body": [f"<p>{SECRET}"]},
        {"headers": {"Content-Type": "application/json"}, "body": [f'{{"text":"{SECRET}"']},
        {"body": [TOLD, f"data: {{{SECRET}\n\n"]},
        {"body": [TOLD, f'data: {{"choices":[{{"delta":{{"content":{{"{SECRET}":1}},"refusal":1}}}}]}}\n\n']},
        {"body": [TOLD, f'data: {{"choices":"{SECRET}"}}\n\n']},
        {"body": [TOLD, {"event": {"error": {"message": SECRET, "type": SECRET}}}]},
        {"body": [TOLD, f"event: error\ndata: {SECRET}\n\n"]},
        {"body": [TOLD, {"event": {"choices": [{"delta": {}, "finish_reason": SECRET}]}}, f"data: {{{SECRET}\n\n"]},
        {"body": [{"event": {"choices": [{"delta": {}, "finish_reason": SECRET}]}}, "data: [DONE]\n\n"]},
        {"body": [TOLD, "!cut"]},
        {"body": [TOLD, "!reset"]},
    ],
)
def test_nothing_that_was_said_reaches_a_log_however_an_answer_is_broken(alice, chat, answer):
    with capture_logs() as lines:
        post(alice, chat, question(json.dumps(answer), model="scripted-play"))
        wait_until(lambda: any(line["event"] == "streaming_session_completed" for line in lines))
    assert "secret" not in str(lines)
    assert all(line["success"] is False for line in lines if line["event"] == "streaming_session_completed")


def test_what_nobody_thought_of_is_logged_with_its_trace_and_ends_the_reply(alice, chat, log, monkeypatch):
    monkeypatch.setattr(step.Step, "_pump", lambda self, completion: 1 / 0)
    heard = tell(alice, chat, "hello", "scripted-words:3")
    assert heard.cut == "failed"
    [(level, fields)] = log.named("stream_processing_error")
    assert level == "exception"
    assert fields.items() >= ids_of(heard, chat, alice).items()
    [_user, assistant] = alice.get(f"/api/chats/{chat}").get_json()["data"]["messages"]
    assert assistant["metadata"]["error"] == {
        "code": "INTERNAL_ERROR",
        "message": "Something went wrong on the server",
    }
