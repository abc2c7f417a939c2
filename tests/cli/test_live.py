"""Commands beside a running server: they write a wish, and its worker sees it."""

import json

from tests.support.answers import data_of


def test_a_reply_is_stopped_from_the_terminal(server, make_app):
    site = server(MACROCHAT_MODELS="scripted-endless:30")
    run = make_app(site.database_url).test_cli_runner().invoke
    person = site.client()
    chat = data_of(person.post("/api/chats", json={}), 201)
    body = {"messages": [{"role": "user", "content": "x"}]}
    with person.stream("POST", f"/api/chats/{chat['id']}/stream", json=body) as answer:
        pieces = answer.iter_raw()
        got = next(pieces)
        reply = answer.headers["X-Reply-Id"]
        assert json.loads(run(args=["replies", "list", "--json"]).stdout)[0]["status"] == "streaming"
        assert "1 workers are alive" in run(args=["replies", "sweep"]).stderr
        assert run(args=["replies", "stop", reply]).stdout == "stopped\n"
        got += b"".join(pieces)  # to its clean end
    assert run(args=["replies", "replay", reply, "--no-wait"]).stdout_bytes == got

    run(args=["users", "disable", person.email])
    assert person.get("/api/users/me").status_code == 401
