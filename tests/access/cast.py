"""The people of the matrix and what is theirs, put straight into the database: no request of the tests made them."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import secrets
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from macrochat import create_app
from macrochat.accounts import passwords
from macrochat.accounts.models import ApiKey, BrowserSession, User
from macrochat.chats.models import Chat, Message
from macrochat.database import new_id, now
from macrochat.extensions import db
from macrochat.providers.base import CompletionRequest, ModelInfo
from macrochat.replies.models import STOPPED, STREAMING, Reply
from tests.access.rules import TABLE, Credential, Door, Whose
from tests.replies.puppet import MODEL, Line, Puppet
from tests.support.databases import settings_for
from tests.support.processes import wait_until
from tests.support.registries import exchange_registry
from tests.support.servers import PASSWORD

REQUEST_ID = "the-same-for-every-request"  # so that equal answers are equal byte for byte
PEOPLE = ("alice", "bob", "admin", "disabled")
SAID = "What was said so far."

# Written by merely coming in, and by the engine room's own clock.
BOOKKEEPING = {"sessions": {"last_seen_at"}, "api_keys": {"last_used_at"}, "workers": {"lease_until"}}


class Prompter(Puppet):
    """A provider that says its line at once, unless it is to hold still."""

    holding = False

    def open(self, request: CompletionRequest) -> Line:
        line = super().open(request)
        line.say("An answer.")
        if not self.holding:
            line.finish()
        return line

    def models(self) -> list[ModelInfo]:
        return [ModelInfo(MODEL, MODEL, MODEL, default=True)]


@dataclass
class Person:
    """Ids of what is theirs, and the secrets that let them in. `session` and `key` are not the ones they use."""

    id: uuid.UUID
    chat: uuid.UUID
    reply: uuid.UUID
    session: uuid.UUID
    key: uuid.UUID
    tokens: dict[str, str]  # of sessions: good, revoked, expired
    keys: dict[str, str]


@contextlib.contextmanager
def world_with(databases, instance, **settings):
    """A World in a SQLite database of its own, without rate limits; `settings` by their names in the environment."""
    url = databases("sqlite").create()
    app = create_app(settings_for(url, instance, MACROCHAT_RATE_LIMITS="off", **settings))
    world = World(app)
    yield world
    world.close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    databases("sqlite").drop(url)


class World:
    """An application with its cast. `renew` makes everything anew, with new ids."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.provider = Prompter()
        exchange_registry(app, self.provider)
        self.room = app.extensions["macrochat"]
        self.room.start()
        self.client = app.test_client(use_cookies=False)
        self._hash = passwords.hash_password(PASSWORD)
        self._file = sqlite3.connect(db_path(app), timeout=5)
        self._tables = {
            table.name: [c.name for c in table.columns if c.name not in BOOKKEEPING.get(table.name, ())]
            for table in db.metadata.sorted_tables
        }
        self.people: dict[str, Person] = {}
        self.seen: dict[str, str] = {}  # the latest picture
        self.renew()

    def close(self) -> None:
        self.room.stop()
        self._file.close()

    def renew(self) -> None:
        self.settle()
        with self.app.app_context():
            db.session.execute(sa.delete(User))
            self.people = {name: self._make(name) for name in PEOPLE}
            db.session.commit()
            db.session.remove()
        self.seen = self.picture()

    def settle(self) -> None:
        """Waits until nothing is being written any more."""
        wait_until(lambda: not self.room.worker.generations)

    # Asking

    def routes(self) -> Iterator[tuple[str, str]]:
        """(method, rule) of all that the URL map answers, HEAD and OPTIONS included."""
        for rule in self.app.url_map.iter_rules():
            for method in sorted(rule.methods or ()):
                yield method, rule.rule

    def ask(self, method: str, rule: str, credential: Credential, id_: str = "") -> Any:
        """`id_` fills the placeholder of an id. Reads the answer to its end, as streams go on until then."""
        route = f"{'GET' if method == 'HEAD' else method} {rule}"
        door = TABLE.get(route, Door(TABLE["GET /"].who))
        path = rule
        for placeholder in [part.partition(">")[0] for part in rule.split("<")[1:]]:
            name = placeholder.rpartition(":")[2]
            path = path.replace(f"<{placeholder}>", door.fills.get(name) or quote(id_ or "x", safe=""))
        sent = {"json" if path.startswith("/api/") else "data": door.body} if door.body else {}
        headers = {"X-Request-Id": REQUEST_ID} | self.headers(credential)
        answer = self.client.open(path, method=method, headers=headers, buffered=True, **sent)
        answer.get_data()
        self.settle()
        return answer

    def headers(self, credential: Credential) -> dict[str, str]:
        alice, bob, admin, disabled = (self.people[name] for name in PEOPLE)
        return {
            "session": self._cookie(alice.tokens["good"]),
            "X-API-KEY": {"X-API-KEY": alice.keys["good"]},
            "Bearer": {"Authorization": f"Bearer {alice.keys['good']}"},
            "nothing": {},
            "a cookie signed by somebody else": self._cookie(alice.tokens["good"], secret="x" * 40),
            "a revoked session": self._cookie(alice.tokens["revoked"]),
            "an expired session": self._cookie(alice.tokens["expired"]),
            "the session of somebody disabled": self._cookie(disabled.tokens["good"]),
            "a revoked key": {"X-API-KEY": alice.keys["revoked"]},
            "an expired key": {"Authorization": f"Bearer {alice.keys['expired']}"},
            "a key that nobody has": {"X-API-KEY": "mck_" + "x" * 43},
            "an empty Bearer": {"Authorization": "Bearer "},
            "the key of somebody disabled": {"X-API-KEY": disabled.keys["good"]},
            "a wrong key beside alice's session": {"X-API-KEY": "mck_wrong"} | self._cookie(alice.tokens["good"]),
            "alice's and bob's keys": {"X-API-KEY": alice.keys["good"], "Authorization": f"Bearer {bob.keys['good']}"},
            "alice's key beside bob's session": {"X-API-KEY": alice.keys["good"]} | self._cookie(bob.tokens["good"]),
            "an administrator's session": self._cookie(admin.tokens["good"]),
            "an administrator's key": {"X-API-KEY": admin.keys["good"]},
        }[credential.name]

    def ids(self, thing: str, credential: Credential, whose: Whose) -> list[str]:
        """Of that kind, seen by that caller. What is alice's is nobody's own, but it is what they would try."""
        own, foreign = (str(getattr(self.people[name], thing)) for name in (credential.person or "alice", "bob"))
        malformed = ["not-an-id", f"{{{own}}}", f"{own}\0"]
        return {"own": [own], "foreign": [foreign], "unknown": [str(new_id())], "malformed": malformed}[whose]

    def _cookie(self, token: str, secret: str | None = None) -> dict[str, str]:
        serializer = self.app.session_interface.get_signing_serializer(self.app)  # type: ignore[attr-defined]
        if secret:
            kwargs = serializer.signer_kwargs | {}
            serializer = URLSafeTimedSerializer(secret, serializer.salt, signer_kwargs=kwargs)
        return {"Cookie": f"macrochat_session={serializer.dumps({'token': token})}"}

    # Looking

    def picture(self) -> dict[str, str]:
        """Name of a person → a digest of all rows that are theirs; `""` → of all that is nobody's of the cast."""
        rows: dict[str, list[str]] = {name: [] for name in (*self.people, "")}
        names = {person.id.hex: name for name, person in self.people.items()}
        owners: dict[str, str] = {}  # of chats and replies
        self._file.rollback()
        for table, columns in self._tables.items():
            quoted = ", ".join(f'"{column}"' for column in columns)
            for values in self._file.execute(f'SELECT {quoted} FROM "{table}"'):
                row = dict(zip(columns, values, strict=True))
                user = row["id"] if table == "users" else row.get("user_id")
                name = names.get(user) if user else owners.get(row.get("chat_id") or row.get("reply_id") or "")
                owners[row.get("id", "")] = name or ""
                rows[name or ""].append(f"{table} {row}")
        return {name: hashlib.sha256("\n".join(sorted(found)).encode()).hexdigest() for name, found in rows.items()}

    def _make(self, name: str) -> Person:
        person = Person(new_id(), new_id(), new_id(), new_id(), new_id(), {}, {})
        active, admin = name != "disabled", name == "admin"
        user = User(id=person.id, email=f"{name}@example.org", name=name, password_hash=self._hash)
        user.is_active, user.is_admin = active, admin
        db.session.add(user)
        db.session.flush()
        for kind, dates in LIVES.items():
            token, key = secrets.token_urlsafe(32), f"mck_{secrets.token_urlsafe(32)}"
            person.tokens[kind], person.keys[kind] = token, key
            until = {"expires_at": now() + dt.timedelta(days=1)} | dates
            db.session.add(BrowserSession(user_id=person.id, token_sha256=_sha256(token), **until))
            db.session.add(ApiKey(user_id=person.id, name=kind, prefix=key[:12], sha256=_sha256(key), **dates))
        until = now() + dt.timedelta(days=1)
        db.session.add(
            BrowserSession(id=person.session, user_id=person.id, token_sha256=_sha256(name), expires_at=until)
        )
        db.session.add(ApiKey(id=person.key, user_id=person.id, name="other", prefix="mck_", sha256=_sha256(name)))
        question = new_id()
        db.session.add(Chat(id=person.chat, user_id=person.id, title=f"{name}'s plans", head_id=person.reply))
        db.session.flush()
        db.session.add(Message(id=question, chat_id=person.chat, role="user", content=f"a secret of {name}"))
        db.session.flush()
        answer = Message(id=person.reply, chat_id=person.chat, parent_id=question, role="assistant", content=SAID)
        db.session.add(answer)
        db.session.flush()
        ended = {"status": STOPPED, "finished_at": now(), "bytes": len(SAID)}
        db.session.add(
            Reply(
                id=person.reply, chat_id=person.chat, user_id=person.id, owner=self.room.worker.id, model=MODEL, **ended
            )
        )
        return person

    def begin_reply(self, name: str) -> str:
        """Starts a reply in the person's chat that stands still after its first words; its id."""
        self.provider.holding = True
        person = self.people[name]
        headers = {"X-API-KEY": person.keys["good"]}
        answer = self.client.post(f"/api/chats/{person.chat}/stream", json=TABLE[SEND].body, headers=headers)
        assert answer.status_code == 200
        answer.close()
        with self.app.app_context():
            assert db.session.scalar(sa.select(Reply.status).order_by(Reply.id.desc()).limit(1)) == STREAMING
        return str(answer.headers["X-Reply-Id"])

    def end_replies(self) -> None:
        self.provider.holding = False
        for line in self.provider.lines:
            line.finish()


SEND = "POST /api/chats/<chat_id>/stream"
_AGO = now() - dt.timedelta(seconds=1)
LIVES: dict[str, dict[str, dt.datetime]] = {
    "good": {},
    "revoked": {"revoked_at": _AGO},
    "expired": {"expires_at": _AGO},
}


def db_path(app: Flask) -> str:
    return str(app.config["SETTINGS"].database_url).removeprefix("sqlite:///")


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
