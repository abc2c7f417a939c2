"""Text on its way from the journal to the chunks to the message: at every stage, and between any two, it reads the same."""

import uuid

import gevent
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from macrochat.replies.journal import committed
from macrochat.replies.journal.logs import Log
from macrochat.replies.journal.store import Fenced, Part, merge, store_parts
from macrochat.replies.models import JournalRow, Reply, ReplyChunk, Worker
from tests.replies.desk import append, pieces_of
from tests.support.processes import wait_until

HERE = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = "Grüße 👋🏽 – and so on, for a while. ".encode()
PIECES = st.text(min_size=1, max_size=8, alphabet="aé中👋\n")


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


def written(desk, journal, *pieces_of_each):
    logs = []
    for pieces in pieces_of_each:
        logs.append(Log(desk.reply()))
        journal.open(logs[-1])
        for piece in pieces:
            append(journal, logs[-1], piece)
            gevent.sleep(0)
    for log in logs:
        journal.flush(log)
    return logs


def test_a_fold_moves_what_was_there_at_the_fold_before(desk):
    journal = desk.journal()
    [log] = written(desk, journal, [b"one ", b"two "])
    journal.fold()
    assert (desk.count(JournalRow) > 0, desk.count(ReplyChunk)) == (True, 0), (
        "rows live long enough to be met elsewhere"
    )
    append(journal, log, b"three")
    journal.flush(log)
    journal.fold()
    assert desk.count(ReplyChunk, reply_id=log.reply_id) == 1
    assert [entries[0][2] for _number, entries in desk.rows()] == [b"three"]
    assert desk.text(log.reply_id) == b"one two three"
    journal.fold()
    assert (desk.count(JournalRow), desk.count(ReplyChunk)) == (0, 2)
    assert desk.text(log.reply_id) == b"one two three"
    journal.fold()
    assert desk.text(log.reply_id) == b"one two three"


def test_a_fold_of_many_streams_gives_each_its_own(desk):
    journal = desk.journal()
    logs = written(desk, journal, *([b"%d " % number] * 3 for number in range(20)))
    journal.fold()
    journal.fold()
    assert desk.count(JournalRow) == 0
    for number, log in enumerate(logs):
        assert desk.text(log.reply_id) == b"%d " % number * 3
        assert desk.count(ReplyChunk, reply_id=log.reply_id) == 1


def test_a_reply_that_ended_since_leaves_no_chunks_behind(desk):
    journal = desk.journal()
    ended, runs = written(desk, journal, [b"ended"], [b"runs"])
    journal.fold()
    assert desk.finish(ended.reply_id, 0, b"ended")
    journal.fold()
    assert desk.count(ReplyChunk, reply_id=ended.reply_id) == 0
    assert (desk.text(ended.reply_id), desk.text(runs.reply_id)) == (b"ended", b"runs")


def test_a_reply_that_was_deleted_does_not_stop_the_fold(desk):
    journal = desk.journal()
    gone, stays = written(desk, journal, [b"gone"], [b"stays"])
    journal.fold()
    desk.execute(sa.delete(Reply).where(Reply.id == gone.reply_id))
    journal.fold()
    assert (desk.count(JournalRow), desk.count(ReplyChunk)) == (0, 1)
    assert desk.read(gone.reply_id) is None
    assert desk.text(stays.reply_id) == b"stays"


def test_a_fenced_worker_folds_nothing(desk):
    journal = desk.journal()
    [log] = written(desk, journal, [b"hello"])
    journal.fold()
    desk.execute(sa.update(Worker).where(Worker.id == desk.owner).values(fenced=True))
    with pytest.raises(Fenced):
        journal.fold()
    assert desk.count(ReplyChunk) == 0
    assert desk.text(log.reply_id) == b"hello"


def test_a_fold_that_fails_is_done_by_the_next(desk, monkeypatch):
    journal = desk.journal()
    [log] = written(desk, journal, [b"hello"])
    journal.fold()
    with monkeypatch.context() as broken:
        broken.setattr(desk.store, "transact", lambda work: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            journal.fold()
    assert desk.text(log.reply_id) == b"hello"
    journal.fold()
    assert (desk.count(JournalRow), desk.count(ReplyChunk), desk.text(log.reply_id)) == (0, 1, b"hello")


def test_a_fold_of_more_than_one_transaction_takes_all(desk, monkeypatch):
    monkeypatch.setattr("macrochat.replies.journal.folding.FOLD_REPLIES", 3)
    monkeypatch.setattr("macrochat.replies.journal.folding.FOLD_ROWS", 2)
    journal = desk.journal()
    logs = written(desk, journal, *([b"%d " % number] * 5 for number in range(10)))
    journal.fold()
    journal.fold()
    assert (desk.count(JournalRow), desk.count(ReplyChunk)) == (0, 10)
    assert [desk.text(log.reply_id) for log in logs] == [b"%d " % number * 5 for number in range(10)]


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5])
def test_a_fold_may_end_between_any_two_of_its_transactions(new_desk, monkeypatch, done):
    monkeypatch.setattr("macrochat.replies.journal.folding.FOLD_REPLIES", 2)
    monkeypatch.setattr("macrochat.replies.journal.folding.FOLD_ROWS", 2)
    desk = new_desk()
    journal = desk.journal()
    logs = written(desk, journal, *([b"%d " % number, b"more"] for number in range(5)))
    journal.fold()
    left, transact = done, desk.store.transact

    def break_off(work):
        nonlocal left
        if not left:
            raise OSError("killed")
        left -= 1
        return transact(work)

    with monkeypatch.context() as broken:
        broken.setattr(desk.store, "transact", break_off)
        with pytest.raises(OSError, match="killed"):
            journal.fold()
    texts_of = {log.reply_id: b"%d more" % number for number, log in enumerate(logs)}
    assert {reply: desk.text(reply) for reply in texts_of} == texts_of
    desk.sleep()
    orphans = new_desk().sweep()
    assert {orphan.reply_id: orphan.text for orphan in orphans} == texts_of


def test_a_fold_whose_acknowledgement_was_lost_is_done_again_with_what_came_since(desk, monkeypatch):
    journal = desk.journal()
    [log] = written(desk, journal, [b"one "])
    journal.fold()
    transact = desk.store.transact

    def lose(work):
        transact(work)
        raise OSError("connection lost")

    with monkeypatch.context() as broken:
        broken.setattr(desk.store, "transact", lose)
        with pytest.raises(OSError, match="connection lost"):
            journal.fold()
    assert desk.count(ReplyChunk) == 1
    append(journal, log, b"two")
    journal.flush(log)
    journal.fold()
    journal.fold()
    assert (desk.count(JournalRow), desk.text(log.reply_id)) == (0, b"one two")


def test_a_part_may_come_again_longer_and_twice_at_once(desk):
    reply = desk.reply()
    later = [Part(reply, 0, b"one two"), Part(reply, 4, b"two"), Part(reply, 0, b"one two")]
    for parts in ([Part(reply, 0, b"one ")], later):
        desk.store.transact(lambda connection, parts=parts: store_parts(connection, desk.owner, parts))
    assert (desk.count(ReplyChunk), desk.text(reply)) == (2, b"one two")


def test_a_reply_that_ends_while_others_are_folded_leaves_no_chunks_behind(desk, monkeypatch):
    monkeypatch.setattr("macrochat.replies.journal.folding.FOLD_REPLIES", 1)
    journal = desk.journal()
    logs = written(desk, journal, [b"first"], [b"second"], [b"third"])
    journal.fold()
    folding = gevent.spawn(journal.fold, 3)
    wait_until(lambda: logs[0].folded)
    for log in logs:
        assert desk.finish(log.reply_id, 0, bytes(log.data))
        journal.close(log, "complete")
    folding.get()
    assert (desk.count(JournalRow), desk.count(ReplyChunk)) == (0, 0)
    assert [desk.text(log.reply_id) for log in logs] == [b"first", b"second", b"third"]


def test_a_worker_that_is_fenced_in_the_middle_of_a_fold_deletes_nothing_under_its_new_name(new_desk, monkeypatch):
    monkeypatch.setattr("macrochat.replies.journal.folding.FOLD_REPLIES", 1)
    desk = new_desk()
    journal = desk.journal()
    logs = written(desk, journal, [b"first"], [b"second"])
    journal.fold()
    folding = gevent.spawn(journal.fold, 2)
    wait_until(lambda: logs[0].folded)
    journal.abandon()
    journal.adopt(desk.lease.register())
    folding.get()
    assert [desk.text(log.reply_id) for log in logs] == [b"first", b"second"]
    assert desk.count(JournalRow) > 0
    later = Log(desk.reply())
    journal.open(later)
    journal.fold()
    assert [desk.text(log.reply_id) for log in logs] == [b"first", b"second"]


@HERE
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("write"), st.integers(0, 2), PIECES),
            st.tuples(st.just("fold"), st.integers(0, 3), st.none()),
            st.tuples(st.just("fold half-way"), st.integers(0, 3), st.none()),
            st.tuples(st.just("finish"), st.integers(0, 2), PIECES),
            st.tuples(st.just("take over"), st.none(), st.none()),
        ),
        max_size=12,
    )
)
def test_text_reads_the_same_after_any_sequence_of_moves(new_desk, steps):
    new_desk.close_all()
    desk = new_desk()
    replies = [desk.reply() for _ in range(3)]
    texts_of, bases, final = dict.fromkeys(replies, b""), dict.fromkeys(replies, 0), set()
    for verb, number, piece in steps:
        if verb == "write" and replies[number] not in final:
            reply = replies[number]
            desk.commit((reply, len(texts_of[reply]), piece.encode()))
            texts_of[reply] += piece.encode()
        elif verb == "fold":
            desk.fold(desk.seq - number)
        elif verb == "fold half-way":
            desk.fold(desk.seq - number, rows_stay=True)
        elif verb == "finish" and replies[number] not in final:
            reply = replies[number]
            desk.finish(reply, bases[reply], texts_of[reply][bases[reply] :])
            final.add(reply)
        elif verb == "take over":
            desk.sleep()
            desk = new_desk()
            orphans = {orphan.reply_id: orphan.text for orphan in desk.sweep()}
            mine = {reply: text for reply, text in orphans.items() if reply in texts_of}
            assert mine == {reply: texts_of[reply] for reply in replies if reply not in final}
            bases |= {reply: len(text) for reply, text in mine.items()}
        for reply in replies:
            found = desk.read(reply)
            assert found.data == texts_of[reply]
            assert found.final == (reply in final)
    for reply in replies:
        if reply in final:
            assert desk.content(reply).encode() == texts_of[reply]


MOVES = {
    "fold": lambda desk, other, reply: desk.fold(),
    "finish": lambda desk, other, reply: desk.finish(reply, 0, TEXT),
    "take over": lambda desk, other, reply: (desk.sleep(), other.sweep()),
    "take over and write": lambda desk, other, reply: (
        desk.sleep(),
        other.sweep(),
        other.commit((reply, len(TEXT), b" more")),
        other.fold(),
    ),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("statement", [1, 2, 3, 4])
def test_a_move_between_any_two_statements_of_a_reading_loses_nothing(new_desk, move, statement):
    desk, other = new_desk(), new_desk()
    reply = desk.reply()
    start = 0
    for number, piece in enumerate(pieces_of(TEXT, [7, 9, 11])):
        desk.commit((reply, start, piece))
        start += len(piece)
        if number == 1:
            desk.fold()
    count = 0

    def before(*_):
        nonlocal count
        count += 1
        if count == statement:
            MOVES[move](desk, other, reply)

    reader = new_desk()
    with reader.store.engine.connect() as connection:
        sa.event.listen(connection, "before_cursor_execute", before)
        found = committed.read(connection, reply)
    assert count >= statement
    assert found.data.startswith(TEXT)
    assert (TEXT + b" more").startswith(found.data)


@HERE
@given(st.text(max_size=30), st.integers(0, 60), st.integers(1, 40))
def test_a_slice_of_a_final_text_is_cut_in_bytes(desk, text, start, size):
    text = text.replace("\0", "").encode("utf-8", "replace")
    reply = desk.reply()
    desk.finish(reply, 0, text)
    with desk.store.engine.connect() as connection:
        assert committed.stored_slice(connection, reply, start, size) == text[start : start + size]


@given(st.binary(max_size=20), st.lists(st.tuples(st.integers(0, 30), st.binary(min_size=1, max_size=10)), max_size=6))
def test_extending_a_text_keeps_it_and_never_leaves_a_gap(text, parts):
    whole = committed.extend(text, parts)
    assert whole.startswith(text)
    assert len(whole) <= max([len(text), *(offset + len(data) for offset, data in parts)])


@given(st.binary(min_size=1, max_size=40), st.lists(st.integers(1, 9), max_size=6), st.integers(0, 40), st.randoms())
def test_extending_with_overlapping_parts_gives_the_text(text, sizes, known, random):
    parts, start = [], 0
    for piece in pieces_of(text, sizes):
        back = random.randint(0, start)
        parts.append((back, text[back : start + len(piece)]))
        start += len(piece)
    assert committed.extend(text[:known], parts) == text


@given(st.lists(st.tuples(st.sampled_from([b"a" * 16, b"b" * 16]), st.binary(min_size=1, max_size=5)), max_size=12))
def test_merging_joins_what_adjoins_and_keeps_every_byte(pieces):
    ends, entries = {}, []
    for reply, data in pieces:
        entries.append((reply, ends.get(reply, 0), data))
        ends[reply] = ends.get(reply, 0) + len(data)
    merged = merge(entries)
    assert {part.reply_id.bytes: part.data for part in merged} == {
        reply: b"".join(data for other, data in pieces if other == reply) for reply in ends
    }
    assert all(part.offset == 0 for part in merged)


def test_merging_keeps_apart_what_leaves_a_gap():
    reply = uuid.uuid4()
    entries = [(reply.bytes, 0, b"ab"), (reply.bytes, 2, b"c"), (reply.bytes, 5, b"f")]
    assert merge(entries) == [Part(reply, 0, b"abc"), Part(reply, 5, b"f")]
