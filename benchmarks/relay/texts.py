"""What the fake model says: every byte of every stream can be checked, and every chunk tells when it left.

A stream's text is a row of *cells*, one cell a chunk. A cell is 12 bytes of UTF-8: the moment of its sending, in
microseconds of this machine's monotonic clock (modulo 100 s), as 8 digits; then a word of 4 bytes that depends on the
stream and on the cell's position. Swapped, lost, doubled or foreign chunks all show as wrong words; chunks that were held
back show as late ones.

As an OpenAI-compatible server sends it, each cell is an event of a fixed length, and each event an HTTP chunk of its own.
"""

from __future__ import annotations

import random
import time

STAMP_BYTES, WORD_BYTES = 8, 4
CELL_BYTES = STAMP_BYTES + WORD_BYTES
STAMP_MODULO = 10**STAMP_BYTES  # microseconds
NO_STAMP = b"0" * STAMP_BYTES  # of floods, whose bytes are made beforehand

PERIOD = 4096  # words until they repeat; a power of two, so that a position is found with a mask
MASK = PERIOD - 1
STRIDE = 1021  # between the first words of neighbouring streams; odd, so that 4096 streams all differ

MODEL = "bench"


def _words() -> list[bytes]:
    """All of 4 bytes, some with letters of two bytes, none with a character that JSON escapes."""
    chance = random.Random(4096)
    letters = [*"abcdefghijklmnopqrstuvwxyz.,;- ", *"éüßñ"]
    found: set[str] = set()
    while len(found) < PERIOD:
        word = "".join(chance.choices(letters, k=chance.choice((3, 4, 4, 4))))
        if len(word.encode()) == WORD_BYTES:
            found.add(word)
    return [word.encode() for word in sorted(found, key=lambda _: chance.random())]


def _event(delta: bytes, finish: bytes = b"null") -> bytes:
    return (
        b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
        b'"choices":[{"index":0,"delta":' + delta + b',"finish_reason":' + finish + b"}]}\n\n"
    )


WORDS = _words()
EVENT_HEAD, EVENT_TAIL = _event(b'{"content":"|"}').split(b"|")
EVENT_BYTES = len(EVENT_HEAD) + CELL_BYTES + len(EVENT_TAIL)
FIRST_EVENT = _event(b'{"role":"assistant","content":""}')
LAST_EVENTS = (
    _event(b"{}", b'"stop"')
    + b'data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1760000000,"model":"bench",'
    + b'"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":100,"total_tokens":110}}\n\n'
    + b"data: [DONE]\n\n"
)


def framed(piece: bytes) -> bytes:
    """As a chunk of an HTTP/1.1 body (RFC 9112, section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


FIRST_FRAME = framed(FIRST_EVENT)
LAST_FRAMES = b"".join(framed(event + b"\n\n") for event in LAST_EVENTS.split(b"\n\n")[:-1]) + b"0\r\n\r\n"
FRAME_HEAD, _rest = framed(EVENT_HEAD + b"#" * CELL_BYTES + EVENT_TAIL).split(b"#" * CELL_BYTES)
FRAME_TAILS = [word + _rest for word in WORDS]  # a frame: FRAME_HEAD, the stamp, FRAME_TAILS[word]
FRAME_BYTES = len(FRAME_HEAD) + STAMP_BYTES + len(FRAME_TAILS[0])

# Two periods of a flood, so that a run of up to PERIOD cells from any position is one slice: as frames, events and text.
FLOOD_FRAMES = b"".join(FRAME_HEAD + NO_STAMP + tail for tail in FRAME_TAILS) * 2
FLOOD_EVENTS = b"".join(EVENT_HEAD + NO_STAMP + word + EVENT_TAIL for word in WORDS) * 2
FLOOD_TEXT = b"".join(NO_STAMP + word for word in WORDS) * 2


def first_word(stream: int) -> int:
    """The index in WORDS of a stream's first word; the cell at position p has the word (first + p) & MASK."""
    return stream * STRIDE & MASK


def now_us() -> int:
    return time.monotonic_ns() // 1000


def stamp() -> bytes:
    return b"%08d" % (time.monotonic_ns() // 1000 % STAMP_MODULO)


def text(stream: int, cells: int) -> bytes:
    """A flood's text: what a reader has after `cells` chunks without stamps."""
    first = first_word(stream)
    return b"".join(NO_STAMP + WORDS[first + position & MASK] for position in range(cells))
