"""Which provider and models an installation gets from its settings."""

import pytest

from macrochat.catalogue.registry import ListedModels, Registry, build_registry
from macrochat.errors import NoModels, UpstreamAuth, UpstreamUnreachable, ValidationError
from macrochat.providers.base import ModelInfo
from tests.support.processes import free_port

LOCAL = "smollm2-135m"


@pytest.fixture
def build():
    made = []

    def build(**settings):
        made.append(build_registry(**settings))
        return made[-1]

    yield build
    for registry in made:
        for provider in registry.providers:
            provider.close()


def test_with_nothing_set_the_local_model_is_the_default(build):
    registry = build()
    provider, model = registry.resolve()
    assert (provider.name, model, provider.continue_mode) == ("local", LOCAL, "prefill")
    assert registry.default_model == LOCAL
    assert [info.default for info in registry.models()] == [True]


def test_with_a_key_openai_is_the_default_and_the_local_model_off(build):
    registry = build(openai_api_key="sk-1")
    provider, model = registry.resolve()
    assert (provider.name, model) == ("openai", "gpt-4o-mini")
    assert provider.base_url == "https://api.openai.com/v1"
    assert [info.id for info in registry.models()] == ["gpt-4o-mini"]


def test_with_an_address_that_server_is_the_default_and_needs_no_key(build):
    registry = build(openai_base_url="http://127.0.0.1:1/v1/", models=["tiny", "big"], continue_mode="prefill")
    provider, model = registry.resolve()
    assert (provider.name, model, provider.continue_mode) == ("openai-compatible", "tiny", "prefill")
    assert provider.base_url == "http://127.0.0.1:1/v1"
    assert [(info.id, info.default) for info in registry.models()] == [("tiny", True), ("big", False)]


def test_the_local_model_can_be_had_besides(build):
    registry = build(openai_api_key="sk-1", local_model="on")
    assert [(info.id, info.default) for info in registry.models()] == [("gpt-4o-mini", True), (LOCAL, False)]
    assert registry.resolve(LOCAL)[0].name == "local"


def test_the_local_model_can_be_off_and_nothing_left(build):
    registry = build(local_model="off")
    assert registry.models() == []
    with pytest.raises(UpstreamUnreachable):
        registry.resolve()


@pytest.mark.parametrize("name", ["nobody", "gpt-4o", "x" * 5000, "../../etc", "\0", ""])
def test_an_unknown_model_is_named_as_such(build, name):
    with pytest.raises(ValidationError) as raised:
        build(openai_api_key="sk-1").resolve(name)
    assert raised.value.code == "UNKNOWN_MODEL"
    assert [detail["field"] for detail in raised.value.details] == ["model"]
    assert len(raised.value.message) < 500


def test_without_named_models_the_servers_own_list_counts(build, scripted):
    registry = build(openai_base_url=scripted.url, local_model="on")
    assert registry.default_model == "scripted-echo"
    assert registry.resolve("scripted-words:3:5")[1] == "scripted-words:3:5"  # a variant of what is listed
    assert registry.resolve(LOCAL)[0].name == "local"
    with pytest.raises(ValidationError):
        registry.resolve("nobody")


def test_a_server_that_is_down_is_believed_to_have_the_model(build):
    """Then the request itself tells the truth: unreachable, not unknown."""
    registry = build(openai_base_url=f"http://127.0.0.1:{free_port()}/v1", local_model="on")
    assert registry.resolve("some-model")[0].name == "openai-compatible"
    assert registry.resolve(LOCAL)[0].name == "local"


class Server:
    """Lists `ids`, or fails while that is None."""

    name = "server"
    continue_mode = "prompt"

    def __init__(self, ids):
        self.ids = ids
        self.asked = 0

    def efforts(self, model):
        return ("low", "high") if model == "a" else ()

    def list_models(self, timeout=5.0):
        self.asked += 1
        if self.ids is None:
            raise UpstreamUnreachable
        return self.ids


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

    monkeypatch.setattr("macrochat.catalogue.registry.time.monotonic", lambda: Clock.now)
    return Clock


def test_a_server_is_asked_once_in_five_minutes(clock):
    server = Server(["a", "b"])
    models = ListedModels(server)
    assert models.models() == [ModelInfo("a", "a", "server"), ModelInfo("b", "b", "server")]
    assert models.has("a")
    assert server.asked == 1
    clock.now += 301
    models.models()
    assert server.asked == 2


def test_a_model_that_was_just_installed_is_found(clock):
    server = Server(["a"])
    registry = Registry([ListedModels(server)])
    registry.resolve("a")
    server.ids = ["a", "new"]
    clock.now += 11
    assert registry.resolve("new")[1] == "new"


def test_the_last_list_is_kept_while_the_server_is_down(clock):
    server = Server(["a"])
    models = ListedModels(server)
    models.models()
    server.ids = None
    clock.now += 301
    assert models.has("a")
    assert not models.may_have("b")


def test_a_server_that_came_up_late_is_noticed(clock):
    server = Server(None)
    models = ListedModels(server)
    assert models.models() == []
    server.ids = ["a"]
    assert models.models() == []
    clock.now += 11
    assert [info.id for info in models.models()] == ["a"]


def test_a_server_that_lists_no_models_is_said_to_have_none_until_it_has(clock):
    server = Server([])
    registry = Registry([ListedModels(server)])
    with pytest.raises(NoModels, match="no models"):
        registry.resolve()
    server.ids = ["a"]
    clock.now += 11
    assert registry.default_model == "a"


def test_a_list_that_is_refused_says_why(clock):
    class Refusing(Server):
        def list_models(self, timeout=5.0):
            raise UpstreamAuth

    for _ in range(2):
        with pytest.raises(UpstreamAuth):
            Registry([ListedModels(Refusing([]))]).resolve()


# OpenHands/OpenHands#8768
def test_patience_is_minutes_and_for_the_local_model_s_queue_never_less(build):
    def patience(**settings):
        return build(**settings).providers[0]._http.timeout.read

    assert patience(openai_api_key="sk-1") == patience() == patience(provider_timeout=30.0) == 600.0
    assert patience(openai_api_key="sk-1", provider_timeout=30.0) == 30.0
