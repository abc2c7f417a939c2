"""A person with a browser, and what tests ask of the page by its stable handles (roles, names and data attributes)."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, expect

from tests.support.patience import Stopwatch

MODELS = (
    "scripted-echo",
    "scripted-markdown",
    "scripted-words:40:25",
    "scripted-words:40:45",
    "scripted-words:2000",
    "scripted-slow-first:1500",
    "scripted-endless:30",
    "scripted-cut:6",
    "scripted-fail-then-ok:1",
    "scripted-status:401",
    "scripted-hold:0",
    "scripted-status:400",
    "scripted-status:404",
    "scripted-slow-first:8000",
    "scripted-words:3",
    "scripted-length:6:12",
    "scripted-hold:3",
    "scripted-unicode",
    "scripted-thinks:5:0:5",
    "scripted-thinks:5:0:40:25",
    "scripted-thinks:30:100:20:50",
    "scripted-thinks-only",
    "scripted-thinks-after",
    "gpt-5/scripted-thinks-hold:25:6",
)
DESK = {"width": 1200, "height": 800}
PATIENCE_SECONDS = 30
FINAL = re.compile("complete|stopped|failed|interrupted")


def words(count: int) -> str:
    """What scripted-words writes, as the page shows it."""
    return " ".join(f"w{k}" for k in range(count))


class Browser:
    """One profile with one page. `account` signs in somebody who exists already; `url` may be a proxy before the server."""

    def __init__(
        self, chromium: Any, server: Any, *, account: Any = None, url: str | None = None, **options: Any
    ) -> None:
        self.server, self.url = server, url or server.url
        self.account = account or server.client()
        self.context = chromium.new_context(base_url=self.url, **{"viewport": DESK} | options)
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.sign_in()
        self.problems: list[str] = []
        self.page = self.open_tab()

    @property
    def email(self) -> str:
        return self.account.email

    def sign_in(self) -> None:
        cookies = [{"name": name, "value": value, "url": self.url} for name, value in self.account.cookies.items()]
        self.context.add_cookies(cookies)

    def open_tab(self) -> Any:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda line: self.problems.append(line.text) if _is_violation(line.text) else None)
        return page

    def close(self) -> None:
        self.context.close()
        assert not self.problems, self.problems

    # Chats

    def new_chat(self, model: str = "scripted-echo", title: str = "A chat") -> str:
        answer = self.account.post("/api/chats", json={"title": title, "model": model})
        return str(answer.json()["data"]["id"])

    def enter(self, model: str = "scripted-echo", *, page: Any = None) -> str:
        """Makes a chat and opens it; returns its id."""
        chat = self.new_chat(model)
        self.open(chat, page=page)
        return chat

    def open(self, chat: str, *, page: Any = None) -> None:
        (page or self.page).goto(f"/chats/{chat}")

    def stored(self, chat: str) -> list[dict[str, Any]]:
        """The chat's messages as the server has them."""
        return list(self.account.get(f"/api/chats/{chat}").json()["data"]["messages"])

    # The page

    def write(self, text: str, *, page: Any = None) -> None:
        box(page or self.page).fill(text)

    def send(self, text: str, *, page: Any = None) -> None:
        self.write(text, page=page)
        box(page or self.page).press("Enter")

    def button(self, name: str, *, page: Any = None) -> Locator:
        return (page or self.page).get_by_role("button", name=name, exact=True)  # type: ignore[no-any-return]


def box(page: Any) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)  # type: ignore[no-any-return]


def messages(page: Any, role: str | None = None) -> Locator:
    return page.locator(f"article[data-role={role}]" if role else "article")  # type: ignore[no-any-return]


def last_reply(page: Any) -> Locator:
    return messages(page, "assistant").last


def text_of(message: Locator) -> str:
    return message.locator(".message-body").inner_text().strip()


def expect_status(message: Locator, status: str | re.Pattern[str], seconds: float = PATIENCE_SECONDS) -> None:
    """`seconds`, of a Stopwatch, is what the product promises."""
    watch = Stopwatch()
    expect(message).to_have_attribute("data-status", status)
    assert watch.seconds < seconds, f"{status} came after {watch.seconds:.1f} s"


def expect_text(message: Locator, text: str | re.Pattern[str]) -> None:
    expect(message.locator(".message-body")).to_have_text(text)


def distance_to_end(page: Any) -> float:
    """Pixels of the conversation below what is in sight."""
    measure = "scroller => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight"
    return float(page.locator("#conversation").evaluate(measure))


def _is_violation(text: str) -> bool:
    return "Content Security Policy" in text or "TrustedHTML" in text
