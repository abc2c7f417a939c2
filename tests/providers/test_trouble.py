"""Every way a server can refuse or break, and the error each becomes."""

import pytest

from macrochat.errors import (
    ContextTooLong,
    ModelNotFound,
    UpstreamAuth,
    UpstreamBadResponse,
    UpstreamBusy,
    UpstreamQuota,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from macrochat.providers import condition
from macrochat.providers.base import CompletionRequest
from macrochat.providers.openai_compatible import OpenAICompatibleProvider
from macrochat.providers.scripted import expected_text
from tests.providers.conftest import QUESTION, SILENCE, answer_of
from tests.support.processes import free_port


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("status:400", UpstreamRefused),
        ("status:401", UpstreamAuth),
        ("status:403", UpstreamAuth),
        ("status:404", ModelNotFound),
        ("status:418", UpstreamRefused),
        ("status:429:7", UpstreamBusy),
        ("status:500", UpstreamRefused),
        ("status:503", UpstreamBusy),
        ("context-too-long", ContextTooLong),
        ("context-too-long:llama", ContextTooLong),
        ("no-quota", UpstreamQuota),
        ("redirect", UpstreamRefused),
        ("html", UpstreamBadResponse),
        ("empty", UpstreamBadResponse),
        ("fail-then-ok:1", UpstreamRefused),
        ("error-event:0:429", UpstreamBusy),
        ("error-event:0:context_length_exceeded", ContextTooLong),
        ("silent", UpstreamTimeout),
        ("nosuch", ModelNotFound),
    ],
)
def test_a_refusal_is_raised_before_any_text(ask, hasty, provider, upstream, model, kind):
    answer = ask(model, of=hasty if model == "silent" else provider)
    assert type(answer.error) is kind
    assert answer.text == ""
    assert answer.seconds < SILENCE + 2
    assert len(upstream.requests) == 1  # nothing is tried twice: it might be billed twice


def test_a_model_that_its_server_does_not_have_is_named(ask):
    error = ask("nosuch").error
    assert error.code == "UPSTREAM_MODEL_NOT_FOUND"
    assert "scripted-nosuch" in error.message
    assert "choose another model" in error.message


def test_a_busy_server_says_when_to_come_back(ask):
    assert ask("status:429:7").error.retry_after == 7


@pytest.mark.parametrize(
    ("model", "kind", "code"),
    [
        ("stall:3", UpstreamTimeout, "UPSTREAM_TIMEOUT"),
        ("cut:3", UpstreamUnreachable, "UPSTREAM_INTERRUPTED"),
        ("reset:3", UpstreamUnreachable, "UPSTREAM_INTERRUPTED"),
        ("no-finish", UpstreamUnreachable, "UPSTREAM_INTERRUPTED"),
        ("garbage", UpstreamBadResponse, "UPSTREAM_BAD_RESPONSE"),
        ("huge-line:9000000", UpstreamBadResponse, "UPSTREAM_BAD_RESPONSE"),
        ("error-event:3", UpstreamRefused, "UPSTREAM_ERROR"),
        ("error-event:3:overloaded", UpstreamBusy, "UPSTREAM_BUSY"),
    ],
)
def test_trouble_in_the_middle_keeps_the_text_before_it(ask, hasty, provider, model, kind, code):
    answer = ask(model, of=hasty if model.startswith("stall") else provider)
    assert answer.text == "w0 w1 w2 "
    assert type(answer.error) is kind
    assert answer.error.code == code
    assert answer.finish_reason is None
    assert answer.seconds < SILENCE + 2


def test_comments_are_life_for_as_long_as_they_come(ask, hasty):
    answer = ask("comments:60:50", of=hasty)  # six times as long as silence may last
    assert (answer.error, answer.text) == (None, expected_text("scripted-comments", []))


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1"])
def test_nobody_there(scripted_providers, url):
    absent = scripted_providers(url=url.format(port=free_port()))
    answer = answer_of(absent, CompletionRequest("m", QUESTION))
    assert type(answer.error) is UpstreamUnreachable
    assert answer.error.code == "UPSTREAM_UNREACHABLE"
    assert absent.check() == condition.UNREACHABLE


def test_an_unwilling_port_times_out(scripted_providers, full_listener):
    answer = answer_of(scripted_providers(url=full_listener, connect_timeout=1), CompletionRequest("m", QUESTION))
    assert type(answer.error) is UpstreamTimeout
    assert answer.seconds < 3


def test_the_next_request_works_after_every_trouble(ask, scripted_providers, provider):
    """Two seconds of silence are time enough for three words, on a busy machine too."""
    one = scripted_providers(timeout=2)
    for model in ("cut:3", "reset:3", "stall:1", "status:500", "html", "empty", "garbage", "silent"):
        ask(model, of=one)
        assert ask("words:3", of=one).text == "w0 w1 w2 "


def test_a_server_is_asked_what_it_has(provider):
    assert "scripted-echo" in provider.list_models()
    assert provider.check() == condition.OK


@pytest.mark.parametrize("key", ["ключ", "a\nb", "a b", "\0"])
def test_a_key_that_fits_no_header_is_refused_at_once(key):
    with pytest.raises(ValueError, match="API key"):
        OpenAICompatibleProvider("x", key, "http://127.0.0.1:1/v1")
