"""Reading connections: as many as are in use at once, replaced when the server closed them; prepared questions."""

from __future__ import annotations

import threading

import pytest

from app.db import session
from app.db.engine import make_engine

NUMBER = "SELECT $1::bigint + 1"


@pytest.fixture
def readers(database_url):
    engine = make_engine(database_url)
    made = session.Readers(engine)
    yield made
    made.close()
    engine.dispose()


def pid(connection):
    return connection.execute("SELECT pg_backend_pid()").fetchone()[0]


def ask(connection, number):
    return session.prepared_rows(connection, NUMBER, (number.to_bytes(8, "big"),), (session.BINARY,))


def test_a_connection_is_used_again_and_two_at_once_are_two(readers):
    with readers.reading() as one, readers.reading() as two:
        first, second = pid(one), pid(two)
        assert first != second
    with readers.reading() as one, readers.reading() as two:
        assert {pid(one), pid(two)} == {first, second}


def test_a_failed_question_leaves_the_connection_usable(readers):
    for _ in range(2):
        with readers.reading() as connection:
            assert ask(connection, 41) == [[(42).to_bytes(8, "big")]]
        with pytest.raises(session.DatabaseError), readers.reading() as connection:
            session.prepared_rows(connection, "SELECT 1 / $1::integer", (b"0",), (session.TEXT,))
        with pytest.raises(session.DatabaseError), readers.reading() as connection:
            session.prepared_rows(connection, "SELECT nonsense", (), ())
    with readers.reading() as connection:
        assert session.prepared_rows(connection, "SELECT 1 WHERE $1", (b"f",), (session.TEXT,)) == []


@pytest.mark.parametrize("values", [[b"one"], [b"", b"\0\xff", b"x" * 300]])
def test_an_array_goes_over_in_binary(readers, values):
    with readers.reading() as connection:
        query = "SELECT unnest($1::bytea[])"
        rows = session.prepared_rows(connection, query, (session.bytea_array(values),), (session.BINARY,))
    assert rows == [[value] for value in values]


def test_one_that_the_server_closed_is_replaced(readers, database_url):
    with readers.reading() as connection:
        ask(connection, 1)
        before = pid(connection)
    owner = make_engine(database_url, role=None)
    with session.transaction(owner) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    owner.dispose()
    with readers.reading() as connection:
        assert pid(connection) != before
        assert ask(connection, 1) == [[(2).to_bytes(8, "big")]]


def test_one_that_breaks_in_use_is_thrown_away(readers, database_url):
    def asked_when_closed():
        owner = make_engine(database_url, role=None)
        with readers.reading() as connection:
            with session.transaction(owner) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid(connection),))
            owner.dispose()
            ask(connection, 1)

    with pytest.raises(session.DATABASE_AWAY):
        asked_when_closed()
    with readers.reading() as connection:
        assert ask(connection, 1) == [[(2).to_bytes(8, "big")]]


# ---- several questions in one round trip


@pytest.fixture
def engine(database_url):
    made = make_engine(database_url, pool_size=1)
    yield made
    made.dispose()


def numbers(*values):
    return [session.Question(NUMBER, [session.int8(value)]) for value in values]


def test_questions_are_answered_in_their_order_in_one_transaction(engine):
    with session.transaction(engine) as connection:
        session.ask(connection, session.Question("CREATE TEMP TABLE kept (n bigint)"), *numbers(1))
        first, second, third = session.ask(
            connection,
            session.Question(
                "INSERT INTO kept SELECT unnest($1::bigint[]) RETURNING n", [session.int8_array([5, -6])]
            ),
            session.Question("SELECT n FROM kept ORDER BY n"),
            *numbers(41),
        )
        assert [session.integer(row[0]) for row in first] == [5, -6]
        assert [session.integer(row[0]) for row in second] == [-6, 5]
        assert third == [[session.int8(42)]]
        assert connection.info.transaction_status == connection.info.transaction_status.INTRANS
    with session.transaction(engine) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (2,)


@pytest.mark.parametrize(
    ("cast", "array", "values", "column"),
    [
        ("text[]", session.text_array, ["", "Zürich", "信用"], str.encode),
        ("bigint[]", session.int8_array, [0, -1, 2**63 - 1], session.int8),
        ("integer[]", session.int4_array, [0, -1, 2**31 - 1], session.int4),
        ("uuid[]", session.uuid_array, [bytes(range(16)), bytes(16)], bytes),
        ("bytea[]", session.bytea_array, [b"", b"\0" * 70_000, b"x"], bytes),
        ("bytea[]", session.bytea_array, [], bytes),
    ],
)
def test_arrays_come_back_as_they_went(engine, cast, array, values, column):
    question = session.Question(f"SELECT unnest($1::{cast})", [array(values)])
    with session.transaction(engine) as connection:
        assert session.ask(connection, question, question) == [[[column(value)] for value in values]] * 2


def test_more_than_fits_into_any_buffer_goes_over(engine):
    values = [bytes([number % 256]) * 1000 for number in range(20_000)]
    question = session.Question("SELECT unnest($1::bytea[])", [session.bytea_array(values)])
    with session.transaction(engine) as connection:
        first, second = session.ask(connection, question, question)
    assert first == second == [[value] for value in values]


def test_an_error_rolls_all_of_them_back_and_the_connection_goes_on(engine):
    with session.transaction(engine) as connection:
        connection.execute("CREATE TEMP TABLE kept (n bigint)")
    insert, wrong = session.Question("INSERT INTO kept VALUES (1)"), session.Question("SELECT 1 / (1 - 1)")

    def fail():
        with session.transaction(engine) as connection:
            connection.execute("SELECT 1")
            session.ask(connection, insert, wrong, *numbers(1))

    for _ in range(7):  # psycopg prepares after the fifth time, and forgets all when it rolls back
        with pytest.raises(session.DatabaseError, match="division by zero"):
            fail()
        with session.transaction(engine) as connection:
            assert session.ask(connection, *numbers(1), session.Question("SELECT n FROM kept")) == [
                [[session.int8(2)]],
                [],
            ]


def test_a_connection_that_is_lost_on_the_way_is_replaced(engine, database_url):
    with session.transaction(engine) as connection:
        before = pid(connection)
    owner = make_engine(database_url, role=None)

    def end():
        with session.transaction(owner) as other:
            while not other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid = %s AND state = 'active'",
                (before,),
            ).fetchone():
                other.execute("SELECT pg_stat_clear_snapshot()")

    ender = threading.Thread(target=end)
    ender.start()
    with pytest.raises(session.DATABASE_AWAY), session.transaction(engine) as connection:
        session.ask(connection, session.Question("SELECT pg_sleep(60)"), *numbers(1))
    ender.join()
    owner.dispose()
    with session.transaction(engine) as connection:
        assert pid(connection) != before
        assert session.ask(connection, *numbers(1)) == [[[session.int8(2)]]]


def test_what_is_taken_back_leaves_prepared_questions_usable(database_url):
    """psycopg drops all prepared statements after a ROLLBACK, once it has prepared one itself."""
    engine = make_engine(database_url)
    with session.transaction(engine) as connection:
        for _ in range(8):
            connection.execute("SELECT %s::bigint", (1,))
        assert session.int8(8) == ask(connection, 7)[0][0]
        with session.taken_back(connection):
            connection.execute("CREATE TEMPORARY TABLE tried (n int)")
        for _ in range(2):
            assert session.int8(8) == ask(connection, 7)[0][0]
        assert connection.execute("SELECT to_regclass('tried')").fetchone() == (None,)
    engine.dispose()
