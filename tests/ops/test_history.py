"""The last hour, from rows."""

import datetime as dt
from types import SimpleNamespace

from macrochat.ops.history import percentile, series

UNTIL = 1_800_000_030.0  # half a minute into a minute


def at(seconds):
    return dt.datetime.fromtimestamp(UNTIL + seconds, dt.UTC)


def row(began, heard, ended, tokens=None, size=0, status="complete"):
    return SimpleNamespace(
        status=status,
        started_at=at(began),
        first_byte_at=None if heard is None else at(heard),
        finished_at=None if ended is None else at(ended),
        bytes=size,
        completion_tokens=tokens,
    )


def test_an_empty_hour_is_flat():
    hour = series([], UNTIL)
    assert len(hour["tokensPerSecond"]) == 60
    assert set(hour["tokensPerSecond"]) == set(hour["errors"]) == {0}
    assert set(hour["firstByteP50Ms"]) == {None}
    assert hour["from"] + 59 * hour["step"] <= UNTIL < hour["from"] + 60 * hour["step"]


def test_tokens_are_spread_over_the_minutes_in_which_they_came():
    hour = series([row(-160, -150, -30, tokens=120)], UNTIL)  # 120 s of text: one a second
    assert hour["tokensPerSecond"][-4:] == [0, 1, 1, 0]
    assert sum(hour["tokensPerSecond"]) == 2


def test_a_running_reply_is_active_until_now():
    hour = series([row(-40, None, None, status="streaming")], UNTIL)
    assert hour["activeStreams"][-2:] == [round(10 / 60, 2), 1]
    assert hour["errors"][-1] == 0


def test_errors_count_when_they_happened_and_waits_when_they_began():
    hour = series([row(-100, -99.75, -10, status="failed"), row(-100, -99.5, -10)], UNTIL)
    assert hour["errors"][-1] == 1
    assert (hour["firstByteP50Ms"][-3], hour["firstByteP95Ms"][-3]) == (250, 500)


def test_what_began_before_the_hour_counts_from_its_beginning():
    hour = series([row(-4000, -4000, -3000, tokens=1000)], UNTIL)
    assert hour["activeStreams"][0] == 1
    assert sum(hour["replies"]) == 0


def test_percentiles_are_of_the_nearest_rank():
    assert percentile([], 50) is None
    assert [percentile([3, 1, 2, 4], percent) for percent in (1, 50, 95, 100)] == [1, 2, 4, 4]
