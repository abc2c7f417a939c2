"""Somebody with a session, an API key, and things of their own to ask about."""

from __future__ import annotations

from typing import Any

from tests.support.servers import PASSWORD, Server

ECHO, CUT, SLOW = "scripted-echo", "scripted-cut:3", "scripted-words:20:25"
THINKING = "gpt-5/scripted-thinks:20:100:3"
MODELS = (ECHO, CUT, SLOW, THINKING)


class Caller:
    def __init__(self, server: Server) -> None:
        self.server = server
        self.sign_up()

    def sign_up(self) -> None:
        """As a new person."""
        self.person = self.server.client()
        self.email = self.person.email
        self.key = self.post("/api/keys", {"name": "the caller's", "password": PASSWORD})["key"]

    def post(self, path: str, body: object = None) -> Any:
        answer = self.person.post(path, json=body or {})
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def headers(self, security: list[dict[str, Any]]) -> dict[str, str]:
        """What lets the caller in by one of these ways."""
        if {"apiKey": []} in security:
            return {"X-API-KEY": self.key}
        if {"session": []} in security:
            return {"Cookie": f"macrochat_session={self.person.cookies['macrochat_session']}"}
        return {}

    def new(self, parameter: str) -> str:
        """The id of a new thing of the caller's, by the name of a parameter in a path."""
        return str(getattr(self, f"_new_{parameter.removesuffix('Id')}")())

    def _new_chat(self) -> str:
        return str(self.post("/api/chats", {"title": "A chat", "model": ECHO})["id"])

    def _new_reply(self, model: str = ECHO) -> str:
        body = {"messages": [{"role": "user", "content": "Say nothing that is not in the description"}], "model": model}
        with self.person.stream("POST", f"/api/chats/{self._new_chat()}/stream", json=body) as answer:
            assert answer.status_code == 200
            reply = str(answer.headers["X-Reply-Id"])
            if model == ECHO:
                answer.read()
        return reply

    def new_broken_reply(self) -> str:
        """One that its provider cut off: it can be continued."""
        reply = self._new_reply(CUT)
        while self.person.get(f"/api/replies/{reply}").json()["data"]["status"] == "streaming":
            pass
        return reply

    def _new_key(self) -> str:
        return str(self.post("/api/keys", {"name": "Another", "password": PASSWORD})["id"])

    def _new_session(self) -> str:
        """Another browser of theirs."""
        self.server.client(self.email)
        found = self.person.get("/api/sessions").json()["data"]
        return str(next(one["id"] for one in found if not one["current"]))
