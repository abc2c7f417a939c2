"""A disk that is full (SQLite): refusals, one line each in the log, and everything goes on when there is room again."""

from tests.replies.asking import new_chat
from tests.support.databases import migrate
from tests.support.disks import fill
from tests.support.processes import wait_until

MESSAGE = {"messages": [{"role": "user", "content": "x" * 50_000}]}


def test_a_full_disk_refuses_logs_a_line_each_and_is_got_over(server, small_disk):
    url = f"sqlite:///{small_disk}/macrochat.db"
    migrate(url, small_disk)
    site = server(database=url, MACROCHAT_MODELS="scripted-echo")
    ann = site.client()
    chat = new_chat(ann)
    for _ in range(5):  # what the journal will want to move from the write-ahead log
        assert ann.post(f"/api/chats/{chat}/stream", json=MESSAGE).status_code == 200
    fill(small_disk / "filling")

    def refused():
        return ann.post(f"/api/chats/{chat}/stream", json=MESSAGE).status_code == 503

    wait_until(refused, 30, "the disk is noticed to be full")
    wait_until(lambda: "during=" in site.process.output(), 30, "the work in the background has met it")
    assert ann.get("/api/chats").status_code == 200, "what is stored can be read"
    assert "Traceback" not in site.process.output()
    (small_disk / "filling").unlink()
    wait_until(lambda: not refused(), 30, "it goes on")
    assert "Traceback" not in site.process.output()
