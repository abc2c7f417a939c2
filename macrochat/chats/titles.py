"""A chat's title when nobody has given one: the beginning of its first message, as static/js/helpers/titles.js has it.

It is cut between what a reader sees as characters (grapheme clusters, UAX #29), so that no family loses its children.
"""

from __future__ import annotations

import regex

from ..bodies import first_visible

DEFAULT_TITLE = "New chat"
MAX_CHARACTERS = 255  # code points; what the column holds
SEEN_CHARACTERS = 60
LONGEST_LOOK = 1024  # code points: finding clusters takes quadratic time in a row of flags
CLUSTER = regex.compile(r"\X")
LINE_END = regex.compile(r"[\n\r\v\f\x85\u2028\u2029]")
LAST_LINE_END = regex.compile(rf"(?r){LINE_END.pattern}")


def title_from(text: str) -> str:
    """The first line in which something can be seen, cut at a word if it is long."""
    seen = first_visible(text)
    if seen is None:
        return DEFAULT_TITLE
    before, after = LAST_LINE_END.search(text, 0, seen), LINE_END.search(text, seen)
    line = text[before.end() if before else 0 : after.start() if after else None]
    line = " ".join(line.split())
    clusters = _beginning(line)
    if sum(map(len, clusters)) == len(line):
        return line
    space = max((place for place, cluster in enumerate(clusters) if cluster == " "), default=0)
    cut = clusters[:space] if space > SEEN_CHARACTERS // 2 else clusters
    return "".join(cut).rstrip(" ,.;:") + "…"


def first_cluster(text: str) -> str:
    """What a reader sees as the first character; nothing of an empty text."""
    return "".join(CLUSTER.findall(text[:MAX_CHARACTERS])[:1])


def fit(title: str) -> str:
    """The title cut to what the column holds."""
    return "".join(_clusters(title, MAX_CHARACTERS))


def _beginning(line: str) -> list[str]:
    """The clusters that are seen of a made title, with room for an ellipsis."""
    room = MAX_CHARACTERS if len(line) <= MAX_CHARACTERS else MAX_CHARACTERS - len("…")
    return _clusters(line, room)[:SEEN_CHARACTERS]


def _clusters(text: str, room: int) -> list[str]:
    """As many whole clusters as `room` code points hold; part of the first if that one alone is longer."""
    clusters = [cluster[0] for cluster in CLUSTER.finditer(text[:LONGEST_LOOK]) if cluster.end() <= room]
    return clusters or [text[:room]]
