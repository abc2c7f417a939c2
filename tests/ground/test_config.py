"""Settings: defaults that work with nothing set, and refusals that begin with the name of the setting."""

import stat

import pytest

from macrochat.config import ConfigError, Settings

SECRET = "x" * 32


@pytest.fixture
def read(tmp_path):
    return lambda **environ: Settings.from_env(environ, instance=tmp_path / "instance")


def test_nothing_set_is_enough(read, tmp_path):
    settings = read()
    assert settings.database_url == f"sqlite:///{tmp_path}/instance/macrochat.db"
    assert (settings.host, settings.port, settings.web_concurrency) == ("127.0.0.1", 8000, 1)
    assert settings.local_model == "auto"
    assert not settings.production


def test_an_empty_value_counts_as_not_set(read):
    assert read(PORT="", OPENAI_BASE_URL=" ", MACROCHAT_SILENCE_LIMIT="") == read()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "8000.5"),
        ("WEB_CONCURRENCY", "-1"),
        ("MACROCHAT_ENV", "prod"),
        ("MACROCHAT_LOCAL_MODEL", "yes"),
        ("MACROCHAT_CONTINUE_MODE", "resume"),
        ("MACROCHAT_REGISTRATION", "invite"),
        ("MACROCHAT_LOG_LEVEL", "loud"),
        ("MACROCHAT_STREAM_TIMEOUT", "five minutes"),
        ("MACROCHAT_STREAM_TIMEOUT", "nan"),
        ("MACROCHAT_STREAM_TIMEOUT", "inf"),
        ("MACROCHAT_LEASE_SECONDS", "0"),
        ("MACROCHAT_SILENCE_LIMIT", "0.5"),
        ("MACROCHAT_HISTORY_MESSAGES", "0"),
        ("MACROCHAT_MAX_REPLY_BYTES", "1e6"),
        ("MACROCHAT_TRUSTED_PROXIES", "127.0.0.1"),
        ("OPENAI_BASE_URL", "localhost:11434"),
        ("OPENAI_BASE_URL", "ftp://models.example.org"),
        ("MACROCHAT_CORS_ORIGINS", "*"),
        ("MACROCHAT_CORS_ORIGINS", "null"),
        ("MACROCHAT_CORS_ORIGINS", "https://app.example.org, null"),
        ("MACROCHAT_CORS_ORIGINS", "file://"),
        ("MACROCHAT_CORS_ORIGINS", "https://app.example.org/"),
        ("MACROCHAT_CORS_ORIGINS", "app.example.org"),
        ("MACROCHAT_CORS_ORIGINS", "https://*.example.org"),
        ("DATABASE_URL", "mysql://localhost/chat"),
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("SECRET_KEY", "short"),
        ("OPENAI_API_KEY", "sk-schlüssel"),
        ("OPENAI_API_KEY", "sk-\u201cquoted\u201d"),
        ("OPENAI_API_KEY", "sk-one sk-two"),
        ("OPENAI_API_KEY", "sk-one\nX-Header: two"),
        ("OPENAI_API_KEY", "sk-\x00"),
        ("MACROCHAT_METRICS_TOKEN", "tökén"),
    ],
)
def test_a_bad_value_is_refused_by_name(read, name, value):
    with pytest.raises(ConfigError, match=f"^{name} must "):
        read(**{name: value})


def test_a_secret_is_never_part_of_the_refusal(read):
    for name, value in [
        ("SECRET_KEY", "hunter2"),
        ("OPENAI_API_KEY", "hunter2 é"),
        ("MACROCHAT_METRICS_TOKEN", "hunter2 é"),
    ]:
        with pytest.raises(ConfigError) as refusal:
            read(**{name: value})
        assert "hunter2" not in str(refusal.value)


def test_production_needs_a_secret_of_its_own(read):
    with pytest.raises(ConfigError, match=r"^SECRET_KEY must be set"):
        read(MACROCHAT_ENV="production")
    assert read(MACROCHAT_ENV="production", SECRET_KEY=SECRET).host == "0.0.0.0"


def test_a_machine_without_a_secret_makes_one_and_keeps_it(read, tmp_path):
    first = read().secret_key
    assert len(first) >= 32
    assert read().secret_key == first
    assert stat.S_IMODE((tmp_path / "instance" / "secret_key").stat().st_mode) == 0o600


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_what_platforms_call_postgresql_is_accepted(read, scheme):
    assert read(DATABASE_URL=f"{scheme}://me:p@db.example.org/chat").database_url == (
        "postgresql+psycopg2://me:p@db.example.org/chat"
    )


def test_lists_are_separated_by_commas_with_or_without_blanks(read):
    settings = read(MACROCHAT_MODELS=" a, b,,c ", MACROCHAT_CORS_ORIGINS="https://a.example,http://b.example:81")
    assert settings.models == ("a", "b", "c")
    assert settings.cors_origins == ("https://a.example", "http://b.example:81")


@pytest.mark.parametrize("value", ["off", "OFF", "0", ""])
def test_the_silence_limit_can_be_off(read, value):
    assert read(MACROCHAT_SILENCE_LIMIT=value).silence_limit == 0
