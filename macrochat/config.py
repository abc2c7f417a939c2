"""Every setting, typed, read once from the environment and `.env`. A bad value stops the start and names itself."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

MIN_SECRET_CHARACTERS = 32


class ConfigError(Exception):
    """A setting has a value that cannot be used. The sentence begins with the setting's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `.env.example` documents, one field a variable. Durations are in seconds unless the name says otherwise."""

    env: Literal["development", "production"]
    database_url: str
    database_pool: int
    secret_key: str
    host: str
    port: int
    web_concurrency: int
    openai_api_key: str
    openai_base_url: str
    models: tuple[str, ...]
    local_model: Literal["auto", "on", "off"]
    local_model_port: int
    provider_timeout: float
    continue_mode: Literal["prefill", "prompt", "none"]
    stream_timeout: float
    silence_limit: float
    sqlite_synchronous: Literal["normal", "full"]
    lease_seconds: float
    commit_interval_ms: float
    history_messages: int
    max_streams_per_user: int
    max_streams: int
    max_requests_per_user: int
    account_share: float
    stored_mib_per_day: int
    max_message_characters: int
    max_reply_bytes: int
    registration: Literal["open", "closed"]
    cors_origins: tuple[str, ...]
    allowed_hosts: tuple[str, ...]
    metrics_token: str
    rate_limits: str
    rate_limit_storage: str
    trusted_proxies: int
    log_level: str
    reload: bool

    @property
    def production(self) -> bool:
        return self.env == "production"

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def local_model_url(self) -> str:
        return f"http://127.0.0.1:{self.local_model_port}/v1"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, instance: Path = ROOT / "instance") -> Settings:
        """Reads all settings, by default from `environment()`.

        `instance` is the folder for the embedded database and the generated secret. Raises ConfigError at the first
        value that cannot be used.
        """
        read = _Reader(environment() if environ is None else environ)
        env = read.choice("MACROCHAT_ENV", "development", ("development", "production"))
        return cls(
            env=cast(Literal["development", "production"], env),
            database_url=read.database_url(instance),
            database_pool=read.whole("MACROCHAT_DATABASE_POOL", 5, 1, 1000),
            secret_key=read.secret_key(instance, required=env == "production"),
            host=read.text("HOST", "0.0.0.0" if env == "production" else "127.0.0.1"),  # noqa: S104 - platforms route to it
            port=read.whole("PORT", 8000, 1, 65535),
            web_concurrency=read.whole("WEB_CONCURRENCY", 1, 1, 256),
            openai_api_key=read.token("OPENAI_API_KEY"),
            openai_base_url=read.url("OPENAI_BASE_URL"),
            models=read.items("MACROCHAT_MODELS"),
            local_model=read.choice("MACROCHAT_LOCAL_MODEL", "auto", ("auto", "on", "off")),  # type: ignore[arg-type]
            local_model_port=read.whole("MACROCHAT_LOCAL_MODEL_PORT", 8081, 1, 65535),
            provider_timeout=read.number("MACROCHAT_PROVIDER_TIMEOUT", 600, 1, 3600),
            continue_mode=read.choice("MACROCHAT_CONTINUE_MODE", "prompt", ("prefill", "prompt", "none")),  # type: ignore[arg-type]
            stream_timeout=read.number("MACROCHAT_STREAM_TIMEOUT", 300, 1, 86400),
            silence_limit=read.off_or_number("MACROCHAT_SILENCE_LIMIT", 0, 1, 86400),
            sqlite_synchronous=read.choice("MACROCHAT_SQLITE_SYNCHRONOUS", "normal", ("normal", "full")),  # type: ignore[arg-type]
            lease_seconds=read.number("MACROCHAT_LEASE_SECONDS", 5, 1, 300),
            commit_interval_ms=read.number("MACROCHAT_COMMIT_INTERVAL_MS", 5, 0, 1000),
            history_messages=read.whole("MACROCHAT_HISTORY_MESSAGES", 20, 1, 1000),
            max_streams_per_user=read.whole("MACROCHAT_MAX_STREAMS_PER_USER", 5, 1, 100_000),
            max_requests_per_user=read.whole("MACROCHAT_MAX_REQUESTS_PER_USER", 50, 1, 100_000),
            stored_mib_per_day=read.whole("MACROCHAT_STORED_MIB_PER_DAY", 256, 1, 1 << 20),
            account_share=read.number("MACROCHAT_ACCOUNT_SHARE", 25, 1, 100),
            max_streams=read.whole("MACROCHAT_MAX_STREAMS", 5000, 1, 1_000_000),
            max_message_characters=read.whole("MACROCHAT_MAX_MESSAGE_CHARACTERS", 100_000, 1, 4_000_000),
            max_reply_bytes=read.whole("MACROCHAT_MAX_REPLY_BYTES", 8_388_608, 1024, 1 << 30),
            registration=read.choice("MACROCHAT_REGISTRATION", "open", ("open", "closed")),  # type: ignore[arg-type]
            cors_origins=read.origins("MACROCHAT_CORS_ORIGINS"),
            allowed_hosts=read.items("MACROCHAT_ALLOWED_HOSTS"),
            metrics_token=read.token("MACROCHAT_METRICS_TOKEN"),
            rate_limits=read.text("MACROCHAT_RATE_LIMITS", "600 per minute"),
            rate_limit_storage=read.text("MACROCHAT_RATE_LIMIT_STORAGE", "memory://"),
            trusted_proxies=read.whole("MACROCHAT_TRUSTED_PROXIES", 0, 0, 10),
            log_level=read.choice("MACROCHAT_LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
            reload=read.choice("MACROCHAT_RELOAD", "off", ("off", "on")) == "on",
        )


def environment(env_file: Path = ROOT / ".env") -> dict[str, str]:
    """The process's variables and, for those it does not have, the lines of `env_file`. Raises ConfigError.

    Flask's own switch FLASK_SKIP_DOTENV=1 leaves the file unread. `os.environ` is not touched: a server that is told to
    reload reads the file anew.
    """
    skip = os.environ.get("FLASK_SKIP_DOTENV", "").lower() not in ("", "0", "false", "no")
    return dict(os.environ) if skip else _env_file(env_file) | os.environ


def _env_file(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in parse_stream(lines):
                if line.error or (line.key and line.value is None):
                    raise ConfigError(f"{path}, line {line.original.line}, must be NAME=value")
        return {name: value for name, value in dotenv_values(path).items() if value is not None}
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} must be text in UTF-8") from None


class _Reader:
    """Looks values up by name. An empty value counts as not set, as in `NAME=` of an .env file."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def text(self, name: str, default: str) -> str:
        return self._environ.get(name, "").strip() or default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, default).lower()
        if value not in choices:
            raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
        return value

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        return self._bounded(name, default, least, most, int, "a whole number")

    def number(self, name: str, default: float, least: float, most: float) -> float:
        return self._bounded(name, default, least, most, float, "a number")

    def off_or_number(self, name: str, default: float, least: float, most: float) -> float:
        if self.text(name, "off").lower() in ("off", "0"):
            return default
        return self.number(name, default, least, most)

    def token(self, name: str) -> str:
        """A credential that travels in a header, where nothing but visible ASCII does. The refusal must not show it."""
        value = self.text(name, "")
        if not all("!" <= character <= "~" for character in value):
            raise ConfigError(f"{name} must consist of ASCII letters, digits and punctuation, without white space")
        return value

    def items(self, name: str) -> tuple[str, ...]:
        return tuple(item.strip() for item in self.text(name, "").split(",") if item.strip())

    def url(self, name: str) -> str:
        value = self.text(name, "")
        if value and (urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc):
            raise ConfigError(f"{name} must be an http or https address, not {value!r}")
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        for item in self.items(name):
            parts = urlsplit(item)
            if parts.scheme not in ("http", "https") or item != f"{parts.scheme}://{parts.netloc}" or "*" in item:
                raise ConfigError(f"{name} must list exact origins such as https://chat.example.org, not {item!r}")
        return self.items(name)

    def database_url(self, instance: Path) -> str:
        value = self.text("DATABASE_URL", "sqlite:///instance/macrochat.db")
        scheme, _, rest = value.partition("://")
        if scheme in ("postgres", "postgresql", "postgresql+psycopg2"):
            _require_parts(rest)
            return f"postgresql+psycopg2://{rest}"
        if not value.startswith("sqlite:///") or ":memory:" in value or value == "sqlite:///":
            raise ConfigError("DATABASE_URL must begin with postgresql:// or sqlite:/// (a file)")
        if "?" in value:
            raise ConfigError("DATABASE_URL must be sqlite:/// and a file's path, without parameters")
        path = Path(value.removeprefix("sqlite:///"))
        if not path.is_absolute():
            path = instance / path.relative_to("instance") if path.parts[0] == "instance" else ROOT / path
        if path.is_dir():
            raise ConfigError(f"DATABASE_URL must name a file: {path} is a folder")
        try:
            _make_folder(path.parent, instance)
        except OSError as error:
            sentence = f"DATABASE_URL must be in a folder that can be made, not {path.parent} ({error.strerror})"
            raise ConfigError(sentence) from None
        return f"sqlite:///{path}"

    def secret_key(self, instance: Path, *, required: bool) -> str:
        value = self.text("SECRET_KEY", "")
        if not value and required:
            raise ConfigError("SECRET_KEY must be set when MACROCHAT_ENV=production")
        if value and len(value) < MIN_SECRET_CHARACTERS:
            raise ConfigError(f"SECRET_KEY must have at least {MIN_SECRET_CHARACTERS} characters")
        if not value:
            _make_folder(instance, instance)
        return value or _kept_secret(instance / "secret_key")

    def _bounded(self, name: str, default: T, least: T, most: T, kind: Callable[[str], T], what: str) -> T:
        raw = self.text(name, str(default))
        try:
            value = kind(raw)
        except ValueError:
            raise ConfigError(f"{name} must be {what}, not {raw!r}") from None
        if not least <= value <= most:  # type: ignore[operator]
            raise ConfigError(f"{name} must be between {least} and {most}, not {raw}")
        return value


def keep_files_private() -> None:
    """What this process and its children make from now on, the database and what lies beside it, is their user's only.

    For programs to call, before anything else makes a file.
    """
    os.umask(0o077)


def _make_folder(folder: Path, instance: Path) -> None:
    """`instance`, which is ours, is closed to others also when it was there before; of other folders only new ones."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder == instance:
        with contextlib.suppress(OSError):  # somebody else's, who lets us write
            folder.chmod(0o700)


def _require_parts(address: str) -> None:
    """What follows postgresql://. The refusal must show nothing of it: what stands wrong there is often a password."""
    server = address.partition("?")[0]
    host = server.partition("/")[0].rpartition("@")[2]
    if server.count("@") > 1 or not re.fullmatch(r"([^:@\[\]#%]*|\[[\da-fA-F:.]+\])(:\d+)?", host):
        raise ConfigError(
            "DATABASE_URL must be postgresql://user:password@host:port/database, with the special characters of user "
            "and password percent-encoded (@ as %40, / as %2F, ? as %3F)"
        )


def _kept_secret(path: Path) -> str:
    """The secret of a machine that was given none: made once, readable by its owner only.

    Workers may start at the same moment: the file appears whole under its name (link of a finished file), and
    who comes second reads the first one's.
    """
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def figures_folder() -> Path | None:
    """Where the workers of one gunicorn share their figures. No setting: gunicorn.conf.py makes it at every start."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None
