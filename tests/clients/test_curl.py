"""curl, as an operator types it."""

import json
import shutil
import subprocess

import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import begin, question, say, status_of
from tests.support.processes import clean_environment, wait_until

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")

HELD = expected_text("scripted-hold:3", [])
PARTIAL_FILE = 18  # curl's exit code for a body that is shorter than it should be


@pytest.fixture
def curl(key, tmp_path):
    """A factory: `curl(url, …)` runs; its standard output is `page`. Ended with the test."""
    started = []

    def start(*arguments):
        argv = ["curl", "-sS", "-H", f"X-API-KEY: {key}", *arguments]
        with (tmp_path / "page").open("wb") as page:
            started.append(subprocess.Popen(argv, stdout=page, env=clean_environment()))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


@pytest.fixture
def page(tmp_path):
    return tmp_path / "page"


@pytest.fixture
def download(tmp_path):
    return tmp_path / "download"


def message(text, model):
    return ["-H", "Content-Type: application/json", "-d", json.dumps(question(text, model=model))]


def holds(path, text):
    return path.exists() and path.read_bytes() == text.encode()


def test_words_appear_while_the_model_still_writes(curl, page, site, chat, provider):
    run = curl("-N", *message("hello", "scripted-hold:3"), f"{site.url}/api/chats/{chat}/stream")
    wait_until(lambda: holds(page, "w0 w1 w2 "), 10, "the first words")
    assert run.poll() is None
    provider.release()
    assert run.wait(10) == 0
    assert holds(page, HELD)


def test_events_appear_while_the_model_still_writes(curl, page, site, chat, provider):
    accept = ["-H", "Accept: text/event-stream"]
    run = curl("-N", *accept, *message("hello", "scripted-hold:3"), f"{site.url}/api/chats/{chat}/stream")
    wait_until(lambda: b"id: 9.0\n" in page.read_bytes(), 10, "the first events")
    assert run.poll() is None
    provider.release()
    assert run.wait(10) == 0
    assert page.read_bytes().rpartition(b"event: ")[2].startswith(b"done\n")


def test_a_download_that_was_broken_off_goes_on_while_the_answer_is_still_written(
    curl, download, site, ann, chat, provider
):
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    download.write_bytes(b"w0 w")
    run = curl("-N", "-C", "-", "-o", str(download), f"{site.url}/api/replies/{reply_id}/stream")
    wait_until(lambda: holds(download, "w0 w1 w2 "), 10, "the rest so far")
    assert run.poll() is None
    provider.release()
    assert run.wait(10) == 0
    assert holds(download, HELD)


def test_a_download_that_is_complete_stays_as_it_is(curl, download, site, ann, chat):
    reply_id = say(ann, chat, "0123456789", "scripted-echo").reply_id
    for _ in range(2):
        run = curl("-C", "-", "-o", str(download), f"{site.url}/api/replies/{reply_id}/stream")
        assert run.wait(10) == 0
        assert holds(download, "0123456789")


def test_a_body_that_breaks_at_the_provider_is_a_partial_file(curl, page, site, chat):
    run = curl("-N", *message("hello", "scripted-cut:3"), f"{site.url}/api/chats/{chat}/stream")
    assert run.wait(10) == PARTIAL_FILE
    assert holds(page, "w0 w1 w2 ")


def test_a_body_that_is_cut_on_the_way_is_a_partial_file_and_goes_on_from_there(
    curl, download, proxy, site, ann, chat, provider
):
    reply_id = begin(ann, chat, "hello", "scripted-hold:3", size=9)
    run = curl("-N", "-o", str(download), f"{proxy.url}/api/replies/{reply_id}/stream")
    wait_until(lambda: holds(download, "w0 w1 w2 "), 10, "the first words")
    with proxy.away():
        assert run.wait(10) == PARTIAL_FILE
    provider.release()
    run = curl("-C", "-", "-o", str(download), f"{proxy.url}/api/replies/{reply_id}/stream")
    assert run.wait(10) == 0
    assert holds(download, HELD)
    assert status_of(ann, reply_id)["bytes"] == len(HELD)


def test_a_refusal_is_json_and_with_fail_an_exit_code(curl, page, site, chat):
    path = f"{site.url}/api/chats/{chat}/stream"
    assert curl(*message("hello", "scripted-status:401"), path).wait(10) == 0
    assert json.loads(page.read_bytes())["code"] == "UPSTREAM_AUTH"
    assert curl("--fail", *message("hello", "scripted-status:401"), path).wait(10) == 22
