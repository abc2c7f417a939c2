"""Replies over the wire, from servers that live as long as the session.

`here` and `there` are two gunicorns on one database: what another worker or another machine is to the one that writes.
`kind` is their database; a module that needs both overrides it. In this process: `app`, with a
provider to talk to; it, alice and bob live as long as a module.
"""

import contextlib

import pytest

from macrochat import create_app
from macrochat.extensions import db
from macrochat.replies.journal import leases
from tests.replies.asking import SCRIPTED, new_chat
from tests.replies.desk import Desk
from tests.support import servers
from tests.support.databases import settings_for


@pytest.fixture
def kind():
    return "sqlite"


@pytest.fixture(scope="session")
def pair(shared_server, databases):
    urls = {}

    def start(kind, name):
        if kind not in urls:
            urls[kind] = databases(kind).create()
        # The name makes the difference between the two, for `shared_server` and in a list of processes.
        return shared_server(database=urls[kind], GUNICORN_CMD_ARGS=f"--name={name}", **SCRIPTED)

    return start


@pytest.fixture
def here(pair, kind, provider):
    return pair(kind, "here")


@pytest.fixture
def there(pair, kind, provider):
    return pair(kind, "there")


@pytest.fixture
def crew(shared_server, kind, provider):
    """One gunicorn of two workers, which tests may kill."""
    return shared_server(database=kind, workers=2, **SCRIPTED)


@pytest.fixture
def provider(scripted):
    """The scripted provider, with nothing remembered and nothing released."""
    scripted.reset()
    return scripted


@pytest.fixture
def sign_up():
    """A factory: a new person at a server. At the end their accounts go, and with them what still runs."""
    people = []

    def sign_up_at(server, **options):
        people.append(server.client(**options))
        return people[-1]

    yield sign_up_at
    for person in people:
        person.request("DELETE", "/api/users/me", json={"password": servers.PASSWORD})


@pytest.fixture
def ann(here, sign_up):
    """Somebody signed in at `here`."""
    return sign_up(here)


@pytest.fixture
def ben(here, sign_up):
    """A stranger to all that is ann's."""
    return sign_up(here)


# In this process


@pytest.fixture(scope="session")
def run_app(databases, scripted, tmp_path_factory):
    """A context: an application whose replies come from the scripted provider, with more settings by name.

    With the `url` of another one's database they are two workers in one process.
    """

    @contextlib.contextmanager
    def run(kind="sqlite", url=None, **settings):
        own = url is None
        url = url or databases(kind).create()
        settings = scripted.settings | SCRIPTED | {"MACROCHAT_RATE_LIMITS": "off"} | settings
        app = create_app(settings_for(url, tmp_path_factory.mktemp("instance"), **settings))
        try:
            yield app
        finally:
            app.extensions["macrochat"].stop()
            for provider in app.extensions["macrochat.registry"].providers:
                provider._http.close()
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
            if own:
                databases(kind).drop(url)

    return run


@pytest.fixture(scope="module")
def app(run_app):
    with run_app() as app:
        yield app


@pytest.fixture(scope="module")
def alice(app):
    return servers.register(app.test_client(), "alice@example.org")


@pytest.fixture(scope="module")
def bob(app):
    """A stranger to all that is alice's."""
    return servers.register(app.test_client(), "bob@example.org")


@pytest.fixture
def chat(alice, provider):
    """The id of an empty chat of alice's."""
    return new_chat(alice)


# Two workers in this process


@pytest.fixture
def continue_mode():
    return "prompt"


@pytest.fixture
def sweeps_come_often(monkeypatch):
    monkeypatch.setattr(leases, "SWEEP_SECONDS", 0.2)


@pytest.fixture
def lease_seconds():
    """Of the first: long, so that only a test ends it, never a busy machine."""
    return 60


@pytest.fixture
def first(run_app, kind, continue_mode, lease_seconds, provider):
    settings = {"MACROCHAT_LEASE_SECONDS": str(lease_seconds), "MACROCHAT_MAX_STREAMS_PER_USER": "10"}
    with run_app(kind, MACROCHAT_CONTINUE_MODE=continue_mode, **settings) as app:
        yield app


@pytest.fixture
def second(run_app, first, continue_mode):
    url = first.config["SETTINGS"].database_url.replace("+psycopg2", "")
    with run_app(url=url, MACROCHAT_CONTINUE_MODE=continue_mode, MACROCHAT_LEASE_SECONDS="60") as app:
        app.extensions["macrochat"].start()
        yield app


@pytest.fixture
def ada(first):
    return servers.register(first.test_client(), "ada@example.org")


@pytest.fixture
def ada_there(second, ada):
    """Ada, who talks to the second worker."""
    person = second.test_client()
    login = {"email": "ada@example.org", "password": servers.PASSWORD}
    assert person.post("/api/auth/login", json=login).status_code == 200
    return person


# Without HTTP


@pytest.fixture
def new_desk(databases, kind, tmp_path):
    """A factory: a worker's desk (see desk.py) on a database of the test's own, both closed at the end.

    `new_desk.close_all()` is for what Hypothesis repeats: each desk has connections.
    """
    url = databases(kind).create()
    made = []

    def new(**options):
        made.append(Desk(url, tmp_path, **options))
        return made[-1]

    def close_all():
        while made:
            made.pop().close()

    new.close_all = close_all
    yield new
    close_all()
    databases(kind).drop(url)


@pytest.fixture
def desk(new_desk):
    return new_desk()
