"""The account of one stream (S47–S49)."""

import uuid

import pytest
import structlog

from macrochat import metrics
from macrochat.metrics import StreamingMetrics, estimated_tokens, rate
from macrochat.providers.base import Usage

IDS = {name: uuid.uuid4() for name in ("reply_id", "chat_id", "user_id")}
END = {"status": "complete", "code": None, "chunks": 10, "size": 40, "usage": None, "readers": 2, "resumes": 1}


@pytest.fixture
def stream():
    return StreamingMetrics(**IDS, provider="scripted", model="echo", attempt=2)


def completed(stream, **changes):
    with structlog.testing.capture_logs() as lines:
        stream.completed(**END | changes)
    return lines[-1]


def value(name, **labels):
    return metrics._registry.get_sample_value(f"macrochat_{name}", labels) or 0


def test_the_end_of_a_stream_is_one_line_with_every_figure(stream):
    stream.first_byte()
    line = completed(stream, usage=Usage(7, 20))
    assert line["event"] == "streaming_session_completed"
    assert (line["replyId"], line["chatId"], line["userId"]) == tuple(str(id) for id in IDS.values())
    assert (line["totalTokens"], line["promptTokens"], line["tokensEstimated"]) == (20, 7, False)
    assert (line["chunksReceived"], line["bytes"], line["readers"], line["resumes"], line["attempts"]) == (
        10,
        40,
        2,
        1,
        2,
    )
    assert (line["success"], line["status"], line["code"]) == (True, "complete", None)
    assert line["firstByteMs"] is not None
    assert line["durationMs"] >= 0


def test_tokens_that_the_provider_did_not_count_are_estimated_and_marked(stream):
    line = completed(stream)
    assert (line["totalTokens"], line["tokensEstimated"]) == (10, True)


def test_a_stream_that_failed_before_its_first_byte_has_no_time_to_it(stream):
    line = completed(stream, status="failed", code="UPSTREAM_AUTH", chunks=0, size=0)
    assert (line["success"], line["code"], line["firstByteMs"], line["tokensPerSecond"]) == (
        False,
        "UPSTREAM_AUTH",
        None,
        0,
    )


@pytest.mark.parametrize("seconds", [0, 1e-12, -1])
def test_w21_no_duration_divides_by_zero(seconds):
    assert rate(5, seconds) == 5000


def test_only_an_empty_text_has_no_tokens():
    assert [estimated_tokens(size) for size in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_the_end_is_counted_once_by_status_and_code(stream):
    labels = {"provider": "scripted", "status": "failed", "code": "UPSTREAM_BUSY"}
    before = value("replies_total", **labels), value("chunks_total")
    completed(stream, status="failed", code="UPSTREAM_BUSY")
    assert (value("replies_total", **labels), value("chunks_total")) == (before[0] + 1, before[1] + 10)


BUILD = {"version", "python"}


def test_no_label_can_hold_what_people_invent():
    names = {name for metric in metrics._registry.collect() for sample in metric.samples for name in sample.labels}
    assert names <= {"provider", "status", "code", "kind", "source", "reason", "method", "route", "le"} | BUILD
