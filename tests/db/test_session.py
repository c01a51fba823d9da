"""Reading connections: as many as are in use at once, replaced when the server closed them; prepared questions."""

from __future__ import annotations

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

    with pytest.raises(session.DatabaseError):
        asked_when_closed()
    with readers.reading() as connection:
        assert ask(connection, 1) == [[(2).to_bytes(8, "big")]]
