import pytest

from macrochat import create_app
from macrochat.extensions import db
from tests.access.cast import World
from tests.support.databases import settings_for

KEY = "sk-a-key-of-the-operator"


@pytest.fixture(scope="module")
def world(databases, tmp_path_factory):
    """alice, bob and what is theirs, with a provider that does what a test tells it. `world.secrets`: the operator's."""
    url = databases("sqlite").create()
    settings = {"MACROCHAT_RATE_LIMITS": "off", "OPENAI_API_KEY": KEY, "MACROCHAT_METRICS_TOKEN": "a-metrics-token"}
    app = create_app(settings_for(url, tmp_path_factory.mktemp("instance"), **settings))
    world = World(app)
    yield world
    world.close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    databases("sqlite").drop(url)
