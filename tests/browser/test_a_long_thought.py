"""A model thinks for 70 seconds, and its worker is killed in mid-thought and in mid-answer, on both databases at once."""

import json
import re
import subprocess
import uuid

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from macrochat.providers.scripted import expected_text, expected_thought
from tests.browser.support import expect_status, last_reply
from tests.support.events import parts_of_message
from tests.support.processes import ROOT, clean_environment, wait_until
from tests.support.servers import BIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

MODEL = "scripted-thinks:140:500:40:250"  # 70 s of thoughts, 10 s of words
THOUGHT, TEXT = expected_thought(MODEL), expected_text(MODEL, [])
OWNER = sa.text("SELECT pid FROM workers JOIN replies ON replies.owner = workers.id WHERE replies.id = :id").bindparams(
    sa.bindparam("id", type_=sa.Uuid)
)


class Scene:
    """A person before a page, and the server behind it."""

    def __init__(self, browse, crew):
        self.crew = crew
        self.person = browse(crew)
        self.chat = self.person.enter(MODEL)
        self.person.send("Think for a long while")
        expect(self.thought).to_be_visible()
        self.reply_id = last_reply(self.person.page).get_attribute("data-message-id")

    @property
    def thought(self):
        return last_reply(self.person.page).locator(".thought").last

    def kill(self):
        engine = sa.create_engine(self.crew.database_url.replace("postgresql:", "postgresql+psycopg2:"))
        with engine.connect() as connection:
            pid = connection.execute(OWNER, {"id": uuid.UUID(self.reply_id)}).scalar()
        engine.dispose()
        self.crew.kill_worker(pid)

    def stored(self):
        return parts_of_message(self.person.stored(self.chat)[-1])

    def shown(self):
        """What the page tells: the kinds of its parts, its thoughts and its words."""
        for block in last_reply(self.person.page).locator(".thought").all():
            if block.get_attribute("open") is None:
                block.locator("summary").click()
            expect(block.locator(".thought-body")).to_contain_text("Thought 0.")
        read = """article => [...article.children].flatMap(child => {
            if (child.matches(".thought")) return [["reasoning", child.querySelector(".thought-body").textContent]]
            if (child.matches(".seam")) return [["restart", ""]]
            return child.matches(".message-body") && child.textContent.trim() ? [["text", child.textContent]] : []
        })"""
        return [(kind, said(text)) for kind, text in last_reply(self.person.page).evaluate(read)]

    def exported(self):
        """The trace and the words of the reply in an export of all chats."""
        done = subprocess.run(
            [str(BIN / "flask"), "chats", "export"],
            cwd=ROOT,
            env=clean_environment(**self.crew.settings),
            capture_output=True,
            check=True,
        )
        chats = [json.loads(line) for line in done.stdout.splitlines()]
        [chat] = [chat for chat in chats if chat.get("id") == self.chat]
        [message] = [message for message in chat["messages"] if message["id"] == self.reply_id]
        return message


def said(text):
    """Without what Markdown makes of it."""
    return re.sub(r"[\s*]+", "", text)


@pytest.fixture(scope="module")
def crews(server_of_two):
    return [server_of_two(kind) for kind in ("sqlite", "postgresql")]


@pytest.fixture(scope="module")
def server_of_two(shared_server):
    def start(kind):
        return shared_server(database=kind, workers=2, MACROCHAT_MODELS=MODEL, GUNICORN_CMD_ARGS="--name=long-thought")

    return start


def test_it_ends_with_the_same_parts_live_reloaded_over_the_api_and_in_an_export(browse, crews, scripted):
    scripted.reset()
    scenes = [Scene(browse, crew) for crew in crews]
    for scene in scenes:
        expect(scene.thought.locator(".thought-gist")).to_have_text("Step 2", timeout=60_000)
        scene.kill()
    for scene in scenes:
        seam = last_reply(scene.person.page).locator(".seam")
        expect(seam).to_have_text("Continued by another server", timeout=30_000)
    for scene in scenes:
        expect(last_reply(scene.person.page).locator(".message-body").last).to_contain_text("w5", timeout=120_000)
        scene.kill()
    for scene in scenes:
        expect_status(last_reply(scene.person.page), "complete")
    for scene in scenes:
        first, seam, second, answer = scene.stored()
        assert (seam, second, answer) == (("restart", ""), ("reasoning", THOUGHT), ("text", TEXT))
        assert first[0] == "reasoning"
        assert THOUGHT.startswith(first[1])
        live = scene.shown()
        assert live == [(kind, said(text)) for kind, text in scene.stored()]
        label = last_reply(scene.person.page).locator(".thought-label").last
        expect(label).to_have_text(re.compile(r"Thought for 1 min (9|\d\d) s"))
        scene.person.page.reload()
        assert scene.shown() == live
        message = scene.exported()
        assert message["content"] == TEXT
        lines = [json.loads(line) for line in message["trace"].splitlines()]
        assert "".join(line["text"] for line in lines if line["kind"] == "reasoning") == first[1] + THOUGHT
        wait_until(lambda scene=scene: scene.person.stored(scene.chat)[-1]["metadata"]["status"] == "complete")
