import pytest

from macrochat import create_app
from macrochat.extensions import db
from tests.access.cast import World
from tests.support.databases import settings_for


@pytest.fixture(scope="module")
def world(databases, tmp_path_factory):
    """alice, bob and what is theirs, in an application that lives as long as the module: it must survive all of it."""
    url = databases("sqlite").create()
    settings = {"MACROCHAT_RATE_LIMITS": "off", "MACROCHAT_LOG_LEVEL": "error"}
    app = create_app(settings_for(url, tmp_path_factory.mktemp("instance"), **settings))
    world = World(app)
    yield world
    world.close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    databases("sqlite").drop(url)
