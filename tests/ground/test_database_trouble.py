"""A database that refuses: one sentence with the driver's reason, for operators, and no traceback, anywhere."""

import shutil
import socket
import sqlite3
import subprocess
import time
import uuid

import pytest
import sqlalchemy as sa

from macrochat import space
from macrochat.config import ConfigError
from macrochat.database import engine_options, reason
from macrochat.extensions import db
from tests.support.databases import settings_for
from tests.support.disks import fill
from tests.support.processes import ROOT, clean_environment, free_port, wait_until
from tests.support.servers import BIN, SECRET_KEY

PASSWORD = "hunter2hunter2"


@pytest.fixture(scope="module")
def cluster(postgres):
    """Roles that may not do all of it. `url(role)` is the address of a migrated database for one."""
    postgres.guard("host all macrochat_pw 127.0.0.1/32 scram-sha-256")
    postgres.guard("hostnossl all macrochat_tls 127.0.0.1/32 reject")
    for role in ("macrochat_pw PASSWORD 'another'", "macrochat_tls", "macrochat_weak", "macrochat_replica SUPERUSER"):
        postgres.execute(f"CREATE ROLE {role} LOGIN")
    return postgres


@pytest.fixture
def url(cluster, postgres_url):
    return lambda role, more="": postgres_url.replace("macrochat@", f"{role}@") + more


def flask(database_url, *arguments, **settings):
    """Runs the command as a person does. Returns its exit code and all that it printed."""
    settings = {"SECRET_KEY": SECRET_KEY, "MACROCHAT_LOCAL_MODEL": "off", "DATABASE_URL": database_url} | settings
    done = subprocess.run(
        [BIN / "flask", *arguments], cwd=ROOT, env=clean_environment(**settings), capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def refused(url, cluster, tmp_path):
    """Addresses that cannot work, and what the driver says about each."""
    (tmp_path / "text.db").write_text("this is no database, and long enough for its header to be looked at" * 20)
    return {
        "password": (url(f"macrochat_pw:{PASSWORD}"), "password authentication failed for user"),
        "parameter": (url("macrochat", "?nonsense=1"), 'invalid connection option "nonsense"'),
        "option": (url("macrochat", "?options=-c%20nonsense%3D1"), 'unrecognized configuration parameter "nonsense"'),
        "sslmode": (url("macrochat", "?sslmode=require"), "server does not support SSL, but SSL was required"),
        "plain": (url("macrochat_tls"), "pg_hba.conf rejects connection"),
        "database": (cluster.url("nowhere"), 'database "nowhere" does not exist'),
        "host": ("postgresql://a@no-such-host.invalid/b", 'could not translate host name "no-such-host.invalid"'),
        "port": (f"postgresql://a@127.0.0.1:{free_port()}/b", "Connection refused"),
        "rights": (url("macrochat_weak"), "permission denied"),
        "file": (f"sqlite:///{tmp_path}/text.db", "file is not a database"),
    }


CASES = ["password", "parameter", "option", "sslmode", "plain", "database", "host", "port", "rights", "file"]


def test_flask_db_upgrade_says_in_one_sentence_what_the_driver_says(refused):
    assert set(refused) == set(CASES)
    for case in ("password", "parameter"):
        address, says = refused[case]
        code, printed = flask(address, "db", "upgrade")
        assert code == 1
        assert printed.startswith("Error: The database cannot be migrated: "), printed
        assert says in printed
        assert printed.count("\n") == 1
        assert PASSWORD not in printed


@pytest.mark.parametrize("case", CASES)
def test_commands_the_doctor_and_readyz_say_it_too(make_app, refused, case):
    address, says = refused[case]
    app = make_app(address)
    run = app.test_cli_runner().invoke
    result = run(args=["users", "list"])
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    found = run(args=["doctor"])
    assert found.exit_code == 1
    assert says in found.stdout
    report = app.test_client().get("/readyz")
    assert report.status_code == 503
    assert any(says in told for told in report.get_json()["reasons"].values())
    for text in (result.stderr, found.stdout, report.text):
        assert PASSWORD not in text


@pytest.mark.parametrize("case", CASES)
def test_requests_are_refused_as_in_any_outage(make_app, refused, case, capsys):
    answer = (
        make_app(refused[case][0])
        .test_client()
        .post("/api/auth/register", json={"email": "a@example.org", "password": "correct horse battery staple"})
    )
    assert (answer.status_code, answer.get_json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert refused[case][1] not in answer.text
    logged = capsys.readouterr().err
    assert refused[case][1] in logged
    assert "Traceback" not in logged


def test_a_server_with_a_wrong_password_logs_lines_and_tells_operators_only(server, url):
    one = server(database=url(f"macrochat_pw:{PASSWORD}"), MACROCHAT_METRICS_TOKEN="the-token-of-monitoring")
    with one.anonymous() as probe:
        answer = probe.get("/readyz")
        assert answer.status_code == 503
        assert "reasons" not in answer.json()
        assert "password authentication" not in answer.text
        told = probe.get("/readyz", headers={"Authorization": "Bearer the-token-of-monitoring"}).json()
        assert 'password authentication failed for user "macrochat_pw"' in told["reasons"]["database"]
        assert "password authentication failed" in told["reasons"]["worker"]
        assert probe.get("/healthz").status_code == 200
    log = one.process.output()
    assert "cause='FATAL:  password authentication failed" in log or "password authentication failed" in log
    assert "Traceback" not in log
    assert PASSWORD not in log


# windmill-labs/windmill#9722
def test_a_role_that_may_only_read_is_not_ready(server, cluster, url):
    cluster.execute("ALTER ROLE macrochat_replica SET default_transaction_read_only = on")
    one = server(database=url("macrochat_replica"))
    code, printed = flask(
        url("macrochat_replica"), "doctor", **{k: v for k, v in one.settings.items() if "OPENAI" in k}
    )
    assert code == 1
    assert "The database takes no writes: cannot execute" in printed
    with one.anonymous() as probe:
        report = probe.get("/readyz")
        assert report.status_code == 503
        assert report.json()["checks"] | {"worker": ""} == {
            "worker": "",
            "database": "ok",
            "schema": "ok",
            "provider": "ok",
        }
        assert report.json()["checks"]["worker"] == "The database takes no writes"
        assert "in a read-only transaction" in report.json()["reasons"]["worker"]
        registered = probe.post(
            "/api/auth/register", json={"email": "a@example.org", "password": "correct horse battery"}
        )
        assert registered.status_code == 503
        cluster.execute("ALTER ROLE macrochat_replica RESET default_transaction_read_only")
        cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'macrochat_replica'")
        wait_until(lambda: probe.get("/readyz").status_code == 200, 20, "the primary again")
    assert "Traceback" not in one.process.output()


@pytest.mark.slow
def test_a_full_disk_is_not_ready_and_says_so_in_one_line(server, small_disk, sqlite_url):
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), small_disk / "a.db")
    one = server(database=f"sqlite:///{small_disk}/a.db")
    with one.anonymous() as probe:
        assert probe.get("/readyz").status_code == 200
        fill(small_disk / "ballast")
        report = probe.get("/readyz")
        assert report.status_code == 503
        assert report.json()["checks"]["database"] == "The database is full"
        wait_until(lambda: register(probe) == 503, 30, "a refusal for want of room")
        wait_until(lambda: "during=" in one.process.output(), 20, "a line about the work in the background")
        time.sleep(3)  # in which it fails several times more
        said = [line for line in one.process.output().splitlines() if "storage_unavailable" in line]
        assert len(said) == 1
        assert "database or disk is full" in said[0]
        (small_disk / "ballast").unlink()
        wait_until(lambda: probe.get("/readyz").status_code == 200, 20, "room again")
    assert "Traceback" not in one.process.output()


def register(probe):
    body = {"email": f"{uuid.uuid4()}@example.org", "password": "a horse that is correct", "name": "x" * 100}
    return probe.post("/api/auth/register", json=body).status_code


def test_a_full_postgresql_is_not_ready_until_it_is_asked_again(make_app, postgres_url, monkeypatch):
    """A disk that fills up under PostgreSQL is more than a test can make: its error, raised by a function of ours."""
    monkeypatch.setattr(space, "_refused_at", space._refused_at)  # back to it at the end
    client = make_app(postgres_url).test_client()
    full = "DO $$ BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$"
    with client.application.app_context(), pytest.raises(sa.exc.OperationalError):
        db.session.execute(sa.text(full))
    report = client.get("/readyz").get_json()
    assert report["checks"]["database"] == "The database is full"
    assert "No space left on device" in report["reasons"]["database"]
    monkeypatch.setattr(space, "BELIEVED_SECONDS", 0.0)
    assert client.get("/readyz").get_json()["checks"]["database"] == "ok"


# --- What stands in DATABASE_URL ---


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://me:{PASSWORD}@word@db/chat",
        f"postgresql://me:{PASSWORD}/word@db/chat",
        f"postgresql://me:{PASSWORD}?word@db/chat",
        f"postgresql://me:{PASSWORD}@db:port/chat",
        f"postgresql://me:{PASSWORD}@[::1/chat",
        "sqlite:///chat.db?mode=ro",
        "sqlite:////proc/nowhere/chat.db",
        f"sqlite:///{ROOT}",
    ],
)
def test_an_address_that_cannot_be_is_refused_by_name_and_without_its_password(address, tmp_path):
    with pytest.raises(ConfigError, match=r"^DATABASE_URL must ") as refusal:
        settings_for(address, tmp_path)
    assert PASSWORD not in str(refusal.value)


def test_what_a_person_writes_into_the_address_wins(make_app, postgres_url):
    options = "-c%20statement_timeout%3D3s%20--lock-timeout%3D1s%20-c%20work_mem%3D5MB"
    app = make_app(f"{postgres_url}?application_name=mine&connect_timeout=3&options={options}")
    with app.app_context():
        show = {
            name: db.session.scalar(sa.text(f"SHOW {name}"))
            for name in ("application_name", "statement_timeout", "lock_timeout", "work_mem", "synchronous_commit")
        }
        dsn = db.session.connection().connection.dbapi_connection.info.dsn_parameters
    assert show == {
        "application_name": "mine",
        "statement_timeout": "3s",
        "lock_timeout": "1s",
        "work_mem": "5MB",
        "synchronous_commit": "on",
    }
    assert dsn["connect_timeout"] == "3"


def test_a_password_with_special_characters_is_percent_encoded(cluster, make_app, postgres_url):
    cluster.execute("CREATE ROLE macrochat_odd LOGIN SUPERUSER PASSWORD 'p@ss/w#rd?%'")
    cluster.guard("host all macrochat_odd 127.0.0.1/32 scram-sha-256")
    address = postgres_url.replace("macrochat@", "macrochat_odd:p%40ss%2Fw%23rd%3F%25@")
    assert make_app(address).test_client().get("/readyz").get_json()["checks"]["schema"] == "ok"


def test_a_server_that_accepts_and_says_nothing_is_given_up_as_the_address_says(make_app, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as hole:
        app = make_app(f"postgresql://a@127.0.0.1:{hole.getsockname()[1]}/b?connect_timeout=1")
        began = time.monotonic()
        report = app.test_client().get("/readyz").get_json()
    assert report["reasons"]["database"] == "the database did not answer in time"
    assert time.monotonic() - began < 10


def test_an_older_schema_refuses_requests_without_a_traceback(make_app, databases, capsys):
    for kind in ("sqlite", "postgresql"):
        client = make_app(databases(kind).empty()).test_client()
        answer = client.post("/api/auth/login", json={"email": "a@example.org", "password": "correct horse battery"})
        assert answer.status_code == 503
        assert "Traceback" not in capsys.readouterr().err


def test_the_reason_of_what_is_no_outage_holds_nobodys_words():
    assert reason(sqlite3.IntegrityError("what people wrote")) == "IntegrityError"


def test_sqlite_takes_no_options_of_ours_from_the_address(tmp_path):
    options = engine_options(settings_for(f"sqlite:///{tmp_path}/a.db", tmp_path), pool=1)
    assert options["connect_args"]["timeout"] == 0
