"""Fixtures everyone knows.

In this process: `app` (migrated SQLite), `client`, `runner`; `alice` and `bob`, two clients signed in; `make_app` for
an application with other settings. `database_url` runs a test on both databases, `sqlite_url` and `postgres_url` on
one; a module whose tests all need both overrides `app` (see `make_app`).

As real processes, on loopback: `scripted` (the test provider), `local_model` (the embedded model), `server` (a factory:
each call starts a gunicorn of the test's own), `shared_server` (the same, but equal calls in one session get the same
running server: for tests that neither kill it nor need it empty), `postgres` (everybody's), `fragile_postgres` (a
cluster that a test may stop), `chromium` (a Playwright browser), `browse` (a factory of people with a browser each),
`proxy` (a line to `site` that can be cut).

Playwright's sync API works in this process although gevent patches it, so one pytest run has all tests. With
MACROCHAT_TEST_UNPATCHED=1 nothing is patched: browser tests and all process fixtures work there too; tests that import
the application should then not be chosen.
"""

import os

if os.environ.get("MACROCHAT_TEST_UNPATCHED") != "1":
    from gevent import monkey

    monkey.patch_all()  # before anything imports ssl or threading

os.environ["FLASK_SKIP_DOTENV"] = "1"  # a developer's .env reaches no test

import shutil
import subprocess

import pytest

from tests.support import servers
from tests.support.postgres import Postgres
from tests.support.processes import free_port
from tests.support.proxy import Proxy
from tests.support.scripted import ScriptedProvider
from tests.support.servers import Server

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# --- Databases ---


@pytest.fixture(scope="session")
def postgres():
    cluster = Postgres()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.delete()


@pytest.fixture
def fragile_postgres(tmp_path):
    """A cluster of the test's own, which it may `stop()` and `start()`; `database_url` is a migrated database in it."""
    from tests.support.databases import PostgresFactory

    cluster = Postgres()
    try:
        cluster.start()
        cluster.database_url = PostgresFactory(cluster, tmp_path).create()
        yield cluster
    finally:
        cluster.delete()


@pytest.fixture(scope="session")
def databases(tmp_path_factory, request):
    """Makers: `databases("sqlite")` or `("postgresql")` has `.create()` (migrated), `.empty()` and `.drop(url)`."""
    from tests.support.databases import PostgresFactory, SqliteFactory

    made = {}

    def factory(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = (
                SqliteFactory(folder)
                if kind == "sqlite"
                else PostgresFactory(request.getfixturevalue("postgres"), folder)
            )
        return made[kind]

    return factory


@pytest.fixture
def sqlite_url(databases):
    url = databases("sqlite").create()
    yield url
    databases("sqlite").drop(url)


@pytest.fixture
def postgres_url(databases):
    url = databases("postgresql").create()
    yield url
    databases("postgresql").drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request):
    """A migrated database of each kind: the test runs twice."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB, for root."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", place], capture_output=True)
    if made.returncode != 0:
        pytest.skip("this machine lets nobody make a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


# --- The application in this process ---


@pytest.fixture
def make_app(tmp_path):
    """A factory: `make_app(database_url, MACROCHAT_REGISTRATION="closed")`. To run a module on both databases:

    @pytest.fixture
    def app(make_app, database_url):
        return make_app(database_url)
    """
    from macrochat import create_app
    from macrochat.extensions import db
    from tests.support.databases import settings_for

    made = []

    def make(database_url, **settings):
        app = create_app(settings_for(database_url, tmp_path / "instance", MACROCHAT_RATE_LIMITS="off", **settings))
        made.append((app, app.extensions["macrochat.registry"].providers))
        return app

    yield make
    for app, providers in made:
        for provider in providers:
            provider.close()  # `flask doctor` leaves an idle connection
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def app(make_app, sqlite_url):
    return make_app(sqlite_url)


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def runner(app):
    return app.test_cli_runner()


@pytest.fixture
def alice(app):
    """A client signed in as alice; `alice.user` is her account."""
    return servers.register(app.test_client(), "alice@example.org")


@pytest.fixture
def bob(app):
    """A stranger to all that is alice's."""
    return servers.register(app.test_client(), "bob@example.org")


# --- Processes ---


@pytest.fixture(scope="session")
def scripted(tmp_path_factory):
    provider = ScriptedProvider(tmp_path_factory.mktemp("scripted") / "log")
    try:
        yield provider.start()
    finally:
        provider.stop()


@pytest.fixture(scope="session")
def local_model(tmp_path_factory):
    """The embedded model under its supervisor, ready; its `url` ends in /v1."""
    from tests.support.local_model import LocalModel

    model = LocalModel(tmp_path_factory.mktemp("local-model") / "log")
    try:
        yield model.start()
    finally:
        model.stop()


@pytest.fixture(scope="session")
def _new_server(tmp_path_factory, request, databases):
    """`database`: "sqlite", "postgresql" or an address; `provider`: "scripted", "local" or "none"; settings by name."""

    def new(database="sqlite", workers=1, provider="scripted", **settings):
        if database in ("sqlite", "postgresql"):
            database = databases(database).create()
        if provider == "scripted":
            settings = request.getfixturevalue("scripted").settings | settings
        elif provider == "local":
            settings = request.getfixturevalue("local_model").settings | settings
        settings = {
            "DATABASE_URL": database,
            "WEB_CONCURRENCY": workers,
            "MACROCHAT_RATE_LIMITS": "off",
            "MACROCHAT_LOCAL_MODEL_PORT": free_port(),
        } | settings
        return Server(tmp_path_factory.mktemp("server") / "log", **settings)

    return new


@pytest.fixture
def server(_new_server):
    """A factory of servers of the test's own (arguments: `_new_server`), stopped at its end."""
    made = []

    def start(*args, **settings):
        made.append(_new_server(*args, **settings))
        return made[-1].start()

    yield start
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def shared_server(_new_server):
    """A factory with the arguments of `server`: equal calls get the same running server all session long."""
    made = {}

    def start(**settings):
        key = tuple(sorted(settings.items()))
        if key not in made:
            made[key] = _new_server(**settings)
        if not made[key].process.running:
            made[key].start()
        return made[key]

    yield start
    for one in made.values():
        one.close()


@pytest.fixture
def proxy(site):
    """A bad line before `site`, the server that the test's own folder or module names so."""
    line = Proxy(site.port)
    yield line
    line.close()


# --- The browser ---


@pytest.fixture(scope="session")
def chromium():
    """Playwright's handle of Debian's Chromium: `chromium.new_context()` for a fresh profile."""
    from playwright.sync_api import expect, sync_playwright

    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed: `make test` as root installs it, or install your system's package")
    expect.set_options(timeout=30_000)  # what is there is seen at once; on a busy machine it may take long to come
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium):
    """A factory: `browse(server)` is a new person, signed in at `server`, in a fresh browser profile."""
    from tests.browser.support import Browser

    opened = []

    def open_browser(server, **options):
        opened.append(Browser(chromium, server, **options))
        return opened[-1]

    yield open_browser
    for browser in opened:
        browser.close()


# --- What tests need ---

NEEDS = {
    "chromium": "browser",
    "local_model": "local_model",
    "postgres": "postgresql",
    **dict.fromkeys(("_new_server", "scripted", "make_run", "supervise"), "server"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks tests by the fixtures they use, so that `-m` can leave them out."""
    for item in items:
        used = set(item.fixturenames)
        if "postgres" in item.name:  # of `database_url` and `kind`, which fetch it when they are used
            used.add("postgres")
        for fixture, mark in NEEDS.items():
            if fixture in used:
                item.add_marker(mark)


# --- What a failed test shows ---


def pytest_runtest_setup(item):
    for one in servers.running:
        one.log_seen = len(one.process.output())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        for one in servers.running:
            report.sections.append((f"log of the server at {one.url}", one.process.output()[one.log_seen :][-20_000:]))
    return report
