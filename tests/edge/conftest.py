import pytest

from tests.access.cast import world_with


@pytest.fixture(scope="module")
def world(databases, tmp_path_factory):
    """alice, bob and what is theirs, in an application that lives as long as the module: it must survive all of it."""
    with world_with(databases, tmp_path_factory.mktemp("instance"), MACROCHAT_LOG_LEVEL="error") as world:
        yield world
