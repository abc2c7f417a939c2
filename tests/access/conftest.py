import pytest

from tests.access.cast import world_with


@pytest.fixture(scope="module")
def world(databases, tmp_path_factory):
    """One for the module: what changes it makes it anew."""
    settings = {"MACROCHAT_METRICS_TOKEN": "nobodys-token", "MACROCHAT_LOG_LEVEL": "error"}
    with world_with(databases, tmp_path_factory.mktemp("instance"), **settings) as world:
        yield world
