"""Where a reading begins: `?offset=`, `Range`, and the real curl that takes up a download again."""

import subprocess

import pytest

from macrochat.providers.scripted import expected_text
from tests.replies.asking import begin, follow, new_chat, say, send, status_of
from tests.support.answers import refusal

TEXT = expected_text("scripted-echo", [{"role": "user", "content": "0123456789"}]).encode()


@pytest.fixture
def final(ann):
    """The id of a complete reply of ten bytes."""
    return say(ann, new_chat(ann), "0123456789", "scripted-echo").reply_id


@pytest.fixture
def running(ann):
    """The id of a reply of which nine bytes are there."""
    return begin(ann, new_chat(ann), "hello", "scripted-hold:3", size=9)


@pytest.mark.parametrize("offset", ["-1", "+1", "abc", "", " 1", "1.0", "1e3", "0x10", "٣", "1_0", "None", "1;2"])
def test_what_is_no_whole_number_is_refused(ann, final, running, offset):
    for reply_id in (final, running):
        answer = ann.get(f"/api/replies/{reply_id}/stream", params={"offset": offset})
        assert refusal(answer, 400, "INVALID_OFFSET")["details"][0]["field"] == "offset"


@pytest.mark.parametrize("offset", [11, 10_000, 2**31, 2**53, 2**63, 2**64, 10**40])
def test_an_offset_past_the_end_is_out_of_range(ann, final, offset):
    answer = ann.get(f"/api/replies/{final}/stream?offset={offset}")
    assert refusal(answer, 416, "OFFSET_OUT_OF_RANGE")["details"][0]["field"] == "offset"
    assert answer.headers["Content-Range"] == "bytes */10"


def test_an_offset_past_what_is_there_so_far_is_out_of_range(ann, running):
    refusal(ann.get(f"/api/replies/{running}/stream?offset=10"), 416, "OFFSET_OUT_OF_RANGE")
    assert status_of(ann, running)["bytes"] == 9


def test_the_end_itself_is_in_range(ann, final):
    answer = ann.get(f"/api/replies/{final}/stream?offset=10")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_chat_s_running_reply_takes_offsets_too(ann, running):
    chat = status_of(ann, running)["chatId"]
    refusal(ann.get(f"/api/chats/{chat}/stream?offset=abc"), 400, "INVALID_OFFSET")
    refusal(ann.get(f"/api/chats/{chat}/stream?offset=10"), 416, "OFFSET_OUT_OF_RANGE")


def test_a_range_of_a_final_reply_is_a_part_with_a_known_end(ann, final):
    answer = ann.get(f"/api/replies/{final}/stream", headers={"Range": "bytes=4-"})
    assert (answer.status_code, answer.content) == (206, TEXT[4:])
    assert answer.headers["Content-Range"] == "bytes 4-9/10"


def test_a_range_of_a_running_reply_is_a_part_without_a_known_end(ann, running, provider):
    with follow(ann, f"/replies/{running}/stream", Range="bytes=4-") as body:
        assert body.status_code == 206
        # RFC 8673: the last byte of a representation that still grows is a very large number.
        assert body.headers["Content-Range"] == f"bytes 4-{2**53 - 1}/*"
        provider.release()
        assert body.to_end() == expected_text("scripted-hold:3", []).encode()[4:]
        assert not body.cut


def test_both_say_that_they_take_ranges(ann, final):
    assert ann.get(f"/api/replies/{final}/stream").headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("start", [10, 11, 2**40, 2**63])
def test_a_range_past_the_end_is_out_of_range(ann, final, start):
    answer = ann.get(f"/api/replies/{final}/stream", headers={"Range": f"bytes={start}-"})
    refusal(answer, 416, "OFFSET_OUT_OF_RANGE")
    assert answer.headers["Content-Range"] == "bytes */10"


@pytest.mark.parametrize("header", ["bytes=-5", "bytes=2-4", "bytes=0-1,4-", "chars=4-", "bytes=four-", "4-", ""])
def test_any_other_range_is_ignored_as_http_allows(ann, final, header):
    answer = ann.get(f"/api/replies/{final}/stream", headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, TEXT)


def test_an_offset_goes_before_a_range(ann, final):
    answer = ann.get(f"/api/replies/{final}/stream?offset=8", headers={"Range": "bytes=4-"})
    assert (answer.status_code, answer.content) == (200, TEXT[8:])


@pytest.mark.parametrize("path", ["not-an-id", "01890a5d-ac96-774b-bcce-b302099a8057", "%00", "x" * 3000])
def test_a_reply_that_does_not_exist_has_no_range(ann, path):
    for url in (f"/api/replies/{path}", f"/api/replies/{path}/stream?offset=abc"):
        refusal(ann.get(url), 404, "REPLY_NOT_FOUND")


def test_head_tells_the_headers_and_reads_nothing(ann, final, running):
    for reply_id in (final, running):
        answer = ann.head(f"/api/replies/{reply_id}/stream")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert ann.head(f"/api/replies/{reply_id}/stream?offset=abc").status_code == 400


def test_curl_takes_up_a_reply_that_is_still_being_written(ann, here, there, provider, tmp_path):
    """The first curl is cut off in the middle; the second goes on from its file, through the other server."""
    file, text = tmp_path / "reply.txt", expected_text("scripted-words:60:50", []).encode()
    cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())

    def curl(at, *options):
        url = f"{at}/api/replies/{reply_id}/stream"
        command = ["curl", "--silent", "--noproxy", "*", "--no-buffer", "--cookie", cookie, "--output", file, *options]
        return subprocess.run([*command, url], timeout=30, capture_output=True, check=False).returncode

    with send(ann, new_chat(ann), "hello", "scripted-words:60:50") as body:
        reply_id = body.reply_id
        body.until(3)
    assert curl(here.url, "--max-time", "1") == 28, "curl's own time limit"
    begun = file.read_bytes()
    assert 0 < len(begun) < len(text)
    assert status_of(ann, reply_id)["status"] == "streaming"
    assert curl(there.url, "--continue-at", "-") == 0
    assert file.read_bytes() == text


def test_w04_curl_sees_that_a_failed_reply_is_not_whole(ann, here, tmp_path):
    reply_id = say(ann, new_chat(ann), "hello", "scripted-cut:3").reply_id
    cookie = "; ".join(f"{name}={value}" for name, value in ann.cookies.items())
    command = ["curl", "--silent", "--noproxy", "*", "--cookie", cookie, f"{here.url}/api/replies/{reply_id}/stream"]
    done = subprocess.run(command, timeout=30, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (18, b"w0 w1 w2 "), "18: transfer closed with outstanding read data"
