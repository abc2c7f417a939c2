"""What servers list at /models, and what it says about them."""

import pytest
from structlog.testing import capture_logs

from macrochat.catalogue.registry import ListedModels, Registry
from macrochat.errors import UpstreamAuth, UpstreamBadResponse, ValidationError
from macrochat.providers import condition
from macrochat.providers.model_list import is_model_id


@pytest.fixture
def at(scripted, scripted_providers):
    """The provider whose list has that name in scripted/lists.py."""
    return lambda name, timeout=5: scripted_providers(
        timeout=timeout, url=f"http://127.0.0.1:{scripted.port}/lists/{name}/v1"
    )


@pytest.mark.parametrize(
    "name", ["null-entry", "bare", "bare-names", "ollama", "both", "odd-ids", "half-emoji", "nul", "long-id", "twice"]
)
# songquanpeng/one-api#128 (bare)
def test_an_odd_list_offers_what_is_good_in_it(at, name):
    assert at(name).list_models() == ["good"]
    assert at(name).check() == condition.OK


@pytest.mark.parametrize("name", ["bom", "bad-utf8"])
def test_odd_bytes_offer_what_is_good_in_them(at, name):
    assert at(name).list_models() == ["good"]


def test_a_list_of_ten_thousand_is_offered_whole(at):
    registry = Registry([ListedModels(at("many"))])
    assert len(registry.models()) == 10_000
    assert registry.resolve("maker/model-77:free")[1] == "maker/model-77:free"


@pytest.mark.parametrize("name", ["no-list", "null", "data-object", "page", "deep", "nobody"])
def test_what_is_no_list_is_said_to_be_none(at, name):
    with pytest.raises(UpstreamBadResponse):
        at(name).list_models()
    assert at(name).check() == condition.NO_LIST


@pytest.mark.parametrize("name", ["empty", "nothing-usable"])
def test_an_empty_list_is_named_as_such(at, name):
    assert at(name).list_models() == []
    assert at(name).check() == condition.NO_MODELS


def test_what_was_left_out_is_logged_once_in_ascii_and_cut(at):
    with capture_logs() as lines:
        for _ in range(3):
            at("nul", timeout=6).list_models()
    (line,) = [line for line in lines if "ids" in line]
    assert line["count"] == 4
    assert line["ids"] == r"'nul \x00', 'line\nbreak', '\x1b[31mred', '\u202egpt'"
    with capture_logs() as lines:
        at("long-id", timeout=6).list_models()
    assert [len(line["ids"]) < 100 for line in lines if "ids" in line] == [True]


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (401, "key refused"),
        (403, "key refused"),
        (402, "no credit"),
        (404, "wrong address"),
        (405, "wrong address"),
        (302, "wrong address"),
        (308, "wrong address"),
        (400, "error"),
        (429, "ok"),
        (500, "error"),
        (503, "error"),
    ],
)
def test_an_error_instead_of_a_list_is_told_in_words(at, status, state):
    found = at(str(status)).check()
    assert found.state == state
    assert found.usable == (state == "ok")
    assert found.advice or found.usable


def test_an_error_under_200_is_told_by_what_it_says(at):
    assert at("error-401").check() == condition.KEY_REFUSED
    assert at("error-402").check() == condition.NO_CREDIT
    with pytest.raises(UpstreamAuth):
        at("error-401").list_models()


def test_a_port_that_never_answers_is_unreachable(scripted_providers, full_listener):
    assert scripted_providers(url=full_listener).check(timeout=0.5) == condition.UNREACHABLE


@pytest.mark.parametrize("model", ["half \ud83d", "nul \0", "", " ", "x" * 256, "a\nb"])
def test_a_model_that_can_be_no_id_is_unknown_even_to_a_server_without_a_list(at, model):
    assert not is_model_id(model)
    with pytest.raises(ValidationError) as raised:
        Registry([ListedModels(at("500"))]).resolve(model)
    assert raised.value.code == "UNKNOWN_MODEL"
    raised.value.message.encode()
