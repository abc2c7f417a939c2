import pytest

from tests.access.cast import world_with

KEY = "sk-a-key-of-the-operator"


@pytest.fixture(scope="module")
def world(databases, tmp_path_factory):
    """alice, bob and what is theirs, with a provider that does what a test tells it. `world.secrets`: the operator's."""
    settings = {"OPENAI_API_KEY": KEY, "MACROCHAT_METRICS_TOKEN": "a-metrics-token"}
    with world_with(databases, tmp_path_factory.mktemp("instance"), **settings) as world:
        yield world
