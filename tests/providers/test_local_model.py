"""The embedded model: a real one."""

import gevent
import pytest

from macrochat.errors import ContextTooLong
from macrochat.providers.base import CompletionRequest
from macrochat.providers.local_model import LOCAL_MODEL
from macrochat.providers.openai_compatible import OpenAICompatibleProvider
from tests.providers.conftest import answer_of
from tests.support.patience import Stopwatch

pytestmark = pytest.mark.local_model

QUESTION = [{"role": "user", "content": "What is gravity? Answer in one sentence."}]


@pytest.fixture
def model(local_model):
    provider = OpenAICompatibleProvider("local", "none", local_model.url, continue_mode="prefill")
    yield provider
    provider.close()


def request(messages=QUESTION, prefix=""):
    return CompletionRequest(LOCAL_MODEL, messages, prefix)


def test_it_answers_with_words_that_stream(model):
    answer = answer_of(model, request())
    assert answer.error is None
    assert answer.finish_reason == "stop"
    assert len(answer.pieces) > 3
    assert "gravity" in answer.text.lower() or "force" in answer.text.lower()
    assert answer.usage.completion_tokens >= len(answer.pieces)


def test_the_first_words_come_within_three_seconds(model):
    watch = Stopwatch()
    completion = model.open(request([{"role": "user", "content": "Hello!"}]))
    assert next(iter(completion))
    assert watch.seconds < 3
    completion.close()


def test_it_goes_on_with_a_text_and_sends_only_what_is_new(model):
    prefix = "Gravity is the force that pulls"
    answer = answer_of(model, request(prefix=prefix))
    assert answer.error is None
    assert answer.text
    assert not answer.text.startswith("Gravity")
    assert prefix not in answer.text


def test_it_answers_four_at_once(model):
    with gevent.Timeout(110):
        readers = [gevent.spawn(model.open, request([{"role": "user", "content": f"Count to {n}."}])) for n in range(4)]
        for reader in readers:
            reader.get().close()


def test_a_conversation_that_does_not_fit_is_refused(model):
    answer = answer_of(model, request([{"role": "user", "content": "word " * 5000}]))
    assert type(answer.error) is ContextTooLong


def test_an_answer_that_is_closed_makes_room_at_once(model):
    """Four long prompts would take a minute; closed while they are being read, they take nothing."""
    long = [gevent.spawn(model.open, request([{"role": "user", "content": f"word{n} " * 1200}])) for n in range(4)]
    gevent.sleep(0.5)
    gevent.killall(long)
    watch = Stopwatch()
    model.open(request()).close()
    assert watch.seconds < 10


def test_it_is_offered_under_its_name(model):
    assert model.list_models() == [LOCAL_MODEL]
    assert model.check().usable
