"""GET /api/chats?cursor=: going on behind what was read, whatever happens to the list meanwhile. On both databases."""

import base64
import contextlib
import datetime as dt
import struct
import uuid

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from macrochat.chats.cursors import EPOCH, Place, read_cursor, write_cursor
from macrochat.chats.models import Chat
from macrochat.extensions import db
from tests.support import servers
from tests.support.answers import body_of, data_of, refusal

LONG_AGO = dt.datetime(2020, 2, 29, 23, 59, 59, 999_998, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
FIRST, LAST = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def reader(app):
    """Whose chats each example of hypothesis makes anew."""
    return servers.register(app.test_client(), "reader@example.org")


def stored(app, person, *times, title="Plans"):
    """Chats of theirs that were changed at these times. Returns their ids, in the order of the list."""
    chats = [Chat(id=uuid.uuid4(), user_id=uuid.UUID(person.user["id"]), title=title, updated_at=at) for at in times]
    ids = [str(chat.id) for chat in sorted(chats, key=lambda chat: (chat.updated_at, chat.id), reverse=True)]
    with app.app_context():
        db.session.add_all(chats)
        db.session.commit()
    return ids


def look(person, **query):
    """The ids in one answer, and its meta."""
    body = body_of(person.get("/api/chats", query_string=query))
    return [chat["id"] for chat in body["data"]], body["meta"]


def read_all(person, limit, between=lambda: None, **query):
    """The ids in all answers, from cursor to cursor."""
    found, meta = look(person, limit=limit, **query)
    while meta["nextCursor"]:
        between()
        more, meta = look(person, limit=limit, cursor=meta["nextCursor"], **query)
        found += more
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8, 100])
def test_every_chat_is_listed_once_in_order(app, newcomer, limit):
    """Of seven: three at one time, and neighbours a microsecond apart around a full second."""
    ids = stored(
        app, newcomer, *[LONG_AGO] * 3, *(LONG_AGO + k * MICROSECOND for k in (1, 2, 3)), LONG_AGO - MICROSECOND
    )
    assert read_all(newcomer, limit) == ids


def test_an_answer_to_a_page_number_says_where_to_go_on(app, newcomer):
    ids = stored(app, newcomer, *[LONG_AGO] * 5)
    found, meta = look(newcomer, limit=2, page=2)
    assert meta == {"page": 2, "limit": 2, "total": 5, "nextCursor": meta["nextCursor"]}
    assert look(newcomer, limit=2, cursor=meta["nextCursor"])[0] == ids[4:]
    assert found == ids[2:4]


def test_an_answer_to_a_cursor_counts_nothing(app, newcomer):
    stored(app, newcomer, *[LONG_AGO] * 3)
    _found, meta = look(newcomer, limit=1)
    with app.app_context(), noted(db.engine) as statements:
        _found, meta = look(newcomer, limit=1, cursor=meta["nextCursor"])
    assert set(meta) == {"limit", "nextCursor"}
    assert any("chats" in statement for statement in statements)
    assert not any("count(" in statement for statement in statements)


def test_the_last_answer_leads_nowhere(app, newcomer):
    assert look(newcomer)[1]["nextCursor"] is None
    stored(app, newcomer, *[LONG_AGO] * 4)
    assert look(newcomer, limit=4)[1]["nextCursor"] is None
    assert look(newcomer, limit=3, page=2)[1]["nextCursor"] is None
    _found, meta = look(newcomer, limit=2)
    assert look(newcomer, limit=2, cursor=meta["nextCursor"])[1] == {"limit": 2, "nextCursor": None}


def test_a_cursor_may_go_on_with_another_limit_and_without_one(app, newcomer):
    ids = stored(app, newcomer, *[LONG_AGO] * 25)
    _found, meta = look(newcomer, limit=2)
    assert look(newcomer, limit=1, cursor=meta["nextCursor"])[0] == ids[2:3]
    assert look(newcomer, cursor=meta["nextCursor"])[0] == ids[2:22]


def test_a_search_goes_on_in_what_it_finds(app, newcomer):
    wanted = stored(app, newcomer, *(LONG_AGO + k * MICROSECOND for k in range(5)), title="Garten im März")
    stored(app, newcomer, *(LONG_AGO + k * MICROSECOND for k in range(5)), title="Tax")
    assert read_all(newcomer, 2, q="MÄRZ") == wanted


def test_a_cursor_outlives_the_chat_it_stands_behind(app, newcomer):
    ids = stored(app, newcomer, *[LONG_AGO] * 4)
    _found, meta = look(newcomer, limit=2)
    data_of(newcomer.patch(f"/api/chats/{ids[0]}", json={"title": "Moved to the top"}))
    newcomer.delete(f"/api/chats/{ids[1]}")
    assert look(newcomer, cursor=meta["nextCursor"])[0] == ids[2:]


def test_a_cursor_of_somebody_else_shows_only_ones_own(app, newcomer, bob):
    theirs = stored(app, newcomer, *(LONG_AGO + k * MICROSECOND for k in range(3)))
    own = stored(app, bob, LONG_AGO, LONG_AGO + 9 * MICROSECOND)
    _found, meta = look(newcomer, limit=1)
    assert look(bob, cursor=meta["nextCursor"]) == ([own[1]], {"limit": 20, "nextCursor": None})
    assert look(newcomer, limit=1)[0] == theirs[:1]


@pytest.mark.parametrize("id_", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)])
def test_the_ends_of_time_are_places_too(app, newcomer, id_):
    ids = stored(app, newcomer, LONG_AGO)
    assert look(newcomer, cursor=write_cursor(Place(LAST, id_)))[0] == ids
    assert look(newcomer, cursor=write_cursor(Place(FIRST, id_)))[0] == []


def packed(microseconds):
    return base64.urlsafe_b64encode(struct.pack(">q16s", microseconds, uuid.uuid4().bytes)).decode()


def microseconds_of(moment):
    return (moment - EPOCH) // MICROSECOND


GOOD = write_cursor(Place(LONG_AGO, uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")))
BAD = {
    "nothing": "",
    "a word": "next",
    "not base64": "!" * 32,
    "base64 of another alphabet": GOOD[:-1] + "/",
    "padded": f"{GOOD}=",
    "padded in place of a character": GOOD[:-1] + "=",
    "cut": GOOD[:-1],
    "cut by a byte": base64.urlsafe_b64encode(bytes(23)).decode(),
    "longer": GOOD + "A",
    "twice": GOOD * 2,
    "very long": "A" * 3500,
    "with a line break": f"{GOOD}\n",
    "with a blank": f" {GOOD}",
    "NUL": "\0",
    "NUL among the rest": GOOD[:-1] + "\0",
    "not ASCII": GOOD[:-1] + "é",
    "full-width": GOOD[:-1] + "Ａ",
    "half a surrogate pair": GOOD[:-1] + "\udcff",
    "JSON": base64.urlsafe_b64encode(b'{"updatedAt": 1, "id": "no UUID"}').decode(),
    "a chat's id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "a time and an id": "2020-02-29T23:59:59.999998Z,01890a5d-ac96-774b-bcce-b302099a8057",
    "text of the right length": base64.urlsafe_b64encode(b"24 letters, but no place").decode(),
    "just before the first time": packed(microseconds_of(FIRST) - 1),
    "just after the last time": packed(microseconds_of(LAST) + 1),
    "the largest number": packed(2**63 - 1),
    "the smallest number": packed(-(2**63)),
}


@pytest.mark.parametrize("cursor", BAD.values(), ids=BAD)
def test_what_the_server_never_gave_is_refused_by_name(alice, cursor):
    query = cursor.encode(errors="surrogateescape")
    body = refusal(alice.get("/api/chats", query_string={"cursor": query}), 400, "VALIDATION_ERROR")
    assert [detail["field"] for detail in body["details"]] == ["cursor"]


@pytest.mark.parametrize("page", ["1", "2", "0", ""])
def test_a_cursor_and_a_page_number_contradict_each_other(alice, page):
    answer = alice.get("/api/chats", query_string={"cursor": GOOD, "page": page})
    assert refusal(answer, 400, "VALIDATION_ERROR")["details"][0]["field"] == "cursor"


@pytest.mark.parametrize(("name", "value"), [("limit", "0"), ("limit", "101"), ("q", "x" * 256), ("q", "a\0b")])
def test_beside_a_cursor_the_others_are_still_checked(alice, name, value):
    answer = alice.get("/api/chats", query_string={"cursor": GOOD, name: value})
    assert refusal(answer, 400, "VALIDATION_ERROR")["details"][0]["field"] == name


@settings(deadline=None)
@given(st.datetimes(timezones=st.just(dt.UTC)), st.uuids(allow_nil=True))
def test_a_cursor_keeps_its_place_to_the_microsecond(moment, id_):
    cursor = write_cursor(Place(moment, id_))
    assert read_cursor(cursor) == (moment, id_)
    assert len(cursor) == 32


CHANGES = st.tuples(st.sampled_from(["touch", "delete", "make", "import"]), st.integers(0, 100))


@settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    times=st.lists(st.integers(0, 3), max_size=12),
    limit=st.integers(1, 4),
    turns=st.lists(st.lists(CHANGES, max_size=3), max_size=12),
    q=st.sampled_from(["", "plan"]),
)
def test_no_chat_that_nobody_touches_is_skipped_or_repeated(app, reader, times, limit, turns, q):
    """Between any two answers chats are changed, deleted, made, and imported with times in the midst of the others."""
    with app.app_context():
        db.session.execute(sa.delete(Chat).where(Chat.user_id == uuid.UUID(reader.user["id"])))
        db.session.commit()
    before = stored(app, reader, *(LONG_AGO + k * MICROSECOND for k in times))
    upcoming, untouched = iter(turns), list(before)

    def meddle():
        for what, number in next(upcoming, ()):
            if what == "make":
                data_of(reader.post("/api/chats", json={"title": "Plan B"}), 201)
            elif what == "import":
                stored(app, reader, LONG_AGO + number % 4 * MICROSECOND)
            elif untouched:
                path = f"/api/chats/{untouched.pop(number % len(untouched))}"
                answer = reader.delete(path) if what == "delete" else reader.patch(path, json={"model": "small"})
                assert answer.status_code == 200

    found = read_all(reader, limit, meddle, q=q)
    assert [id_ for id_ in found if id_ in untouched] == untouched
    assert len(found) == len(set(found))


def test_the_index_leads_to_the_place(app, newcomer):
    """However far down it is: neither what stands before it nor the chats of others are read, and nothing is sorted."""
    ids = stored(app, newcomer, *(LONG_AGO + k * MICROSECOND for k in range(2000)))
    with app.app_context():
        if db.engine.dialect.name == "postgresql":
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE chats")
        with noted(db.engine) as statements:
            place = Place(LONG_AGO + 1000 * MICROSECOND, uuid.UUID(int=0))
            assert look(newcomer, cursor=write_cursor(place))[0] == ids[1000:1020]
        assert (
            plan_of(next(one for one in statements.items() if "FROM chats" in one[0])) == PLANS[db.engine.dialect.name]
        )


PLANS = {
    "sqlite": ["SEARCH chats USING INDEX ix_chats_user_id_updated_at (user_id=? AND (updated_at,id)<(?,?))"],
    "postgresql": ["Limit", "Index Scan Backward using ix_chats_user_id_updated_at on chats", "user_id", "updated_at"],
}


def plan_of(statement):
    """The steps; of PostgreSQL's conditions the columns that the index is searched by."""
    sql, values = statement
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
        [[found]] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}", values)
    top = found[0]["Plan"]
    scan = top["Plans"][0]
    searched = [column for column in ("user_id", "updated_at") if column in scan["Index Cond"]]
    step = f"{scan['Node Type']} {scan['Scan Direction']} using {scan['Index Name']} on {scan['Relation Name']}"
    return [top["Node Type"], step, *searched]


@contextlib.contextmanager
def noted(engine):
    """The statements that the engine is given within the block, with their values."""
    statements = {}

    def note(_connection, _cursor, statement, values, *_):
        statements[statement] = values

    sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", note)
