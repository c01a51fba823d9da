"""What the database itself refuses: the ledger is append-only by trigger and by role, sealed data is for retention alone."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db import schema
from app.db.engine import APP_ROLE, make_engine
from tests.conftest import url_of

APPEND_ONLY = [table.name for table in schema.APPEND_ONLY]
SEALED = [table.name for table in schema.SEALED]
WORKING = [table.name for table in schema.WORKING]
RETENTION_ROLE = "credence_retention"
TRIGGERS = dict.fromkeys(APPEND_ONLY, "CR001") | dict.fromkeys(SEALED, "CR002")
NO_PRIVILEGE = "42501"
NOT_GRANTED = {"seats": "DELETE", "refused_lines": "UPDATE"}

VALUES = {
    "bigint": "7",
    "integer": "7",
    "smallint": "7",
    "bytea": r"'\x07'",
    "text": "'seven'",
    "uuid": "'00000000-0000-7000-8000-000000000007'",
    "date": "'2026-11-02'",
    "ARRAY": "'{7}'",
    "boolean": "true",
    "timestamp with time zone": "'2026-11-02T12:00:00Z'",
}


@pytest.fixture(scope="module")
def filled_url(server_url, template_database, administer):
    """A database for this module: what its tests change they take back."""
    name = f"credence_rows_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    yield url_of(server_url, name)
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def filled(filled_url):
    """Every table has a row; as owner. What values are allowed is not the question here."""
    engine = make_engine(filled_url, role=None)
    with engine.begin() as connection:
        checks = "SELECT conrelid::regclass, conname FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
        for table, name in connection.execute(text(checks)).all():
            connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
        for table in schema.metadata.tables:
            names, values = columns_of(connection, table)
            connection.execute(
                text(f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})")
            )
    yield engine
    engine.dispose()


def columns_of(connection, table):
    rows = connection.execute(
        text(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table"
            " AND table_schema = 'public' ORDER BY ordinal_position"
        ),
        {"table": table},
    ).all()
    return ", ".join(f'"{name}"' for name, _ in rows), ", ".join(VALUES[kind] for _, kind in rows)


def statements(connection, table):
    """Everything that takes something away from a table or changes it."""
    column = columns_of(connection, table)[0].split(", ")[-1]
    return {
        "UPDATE": f"UPDATE {table} SET {column} = {column}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table}",
    }


def refusal(engine, statement, role=None):
    """The SQLSTATE with which a statement is refused, or None when it is not; nothing stays."""
    with engine.connect() as connection:
        if role:
            connection.execute(text(f"SET ROLE {role}"))
        try:
            connection.execute(text(statement))
        except DBAPIError as error:
            return error.orig.sqlstate
        finally:
            connection.rollback()
    return None


def count(engine, table):
    with engine.connect() as connection:
        return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar()


@pytest.mark.parametrize("operation", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", APPEND_ONLY + SEALED)
def test_owner_is_refused_by_the_trigger(filled, table, operation):
    with filled.connect() as connection:
        statement = statements(connection, table)[operation]
    assert refusal(filled, statement) == TRIGGERS[table]
    assert count(filled, table) == 1


@pytest.mark.parametrize("operation", ["UPDATE", "DELETE", "TRUNCATE"])
@pytest.mark.parametrize("table", APPEND_ONLY + SEALED)
def test_application_is_refused_for_want_of_the_privilege(filled, table, operation):
    with filled.connect() as connection:
        statement = statements(connection, table)[operation]
    assert refusal(filled, statement, APP_ROLE) == NO_PRIVILEGE


def test_application_engine_acts_as_that_role(filled, filled_url):
    application = make_engine(filled_url)
    assert refusal(application, "DELETE FROM blocks") == NO_PRIVILEGE
    assert refusal(application, "ALTER TABLE blocks DISABLE TRIGGER ALL") == NO_PRIVILEGE
    assert refusal(application, "DROP TABLE blocks") == NO_PRIVILEGE
    assert refusal(application, "SELECT count(*) FROM blocks") is None
    application.dispose()


@pytest.mark.parametrize("table", APPEND_ONLY + SEALED + WORKING)
def test_application_may_read_and_add(filled, table):
    assert refusal(filled, f"SELECT * FROM {table}", APP_ROLE) is None
    with filled.connect() as connection:
        names, values = columns_of(connection, table)
    # the same row again: that is a duplicate, which is beyond the question of privileges
    again = f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    assert refusal(filled, again, APP_ROLE) == "23505"


@pytest.mark.parametrize("table", SEALED)
def test_retention_deletes_sealed_rows_and_does_nothing_else_to_them(filled, table):
    with filled.connect() as connection:
        all_of = statements(connection, table)
    assert refusal(filled, all_of["DELETE"], RETENTION_ROLE) is None
    assert refusal(filled, all_of["UPDATE"], RETENTION_ROLE) == NO_PRIVILEGE
    assert refusal(filled, all_of["TRUNCATE"], RETENTION_ROLE) == NO_PRIVILEGE
    with filled.connect() as connection:
        connection.execute(text(f"SET LOCAL ROLE {RETENTION_ROLE}"))
        assert connection.execute(text(all_of["DELETE"])).rowcount == 1
        connection.rollback()


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_retention_cannot_touch_the_ledger(filled, table):
    with filled.connect() as connection:
        for statement in statements(connection, table).values():
            assert refusal(filled, statement, RETENTION_ROLE) == NO_PRIVILEGE


def test_truncating_everything_at_once_or_by_cascade_is_refused_too(filled):
    assert refusal(filled, "TRUNCATE " + ", ".join(APPEND_ONLY + SEALED)) in {"CR001", "CR002"}
    assert refusal(filled, "TRUNCATE blocks RESTART IDENTITY CASCADE") == "CR001"


def test_refusals_say_what_they_are_about(filled):
    with (
        filled.connect() as connection,
        pytest.raises(DBAPIError, match="append-only: DELETE on blocks is refused"),
    ):
        connection.execute(text("DELETE FROM blocks"))
    with (
        filled.connect() as connection,
        pytest.raises(DBAPIError, match="UPDATE on citizen_keys is only for retention"),
    ):
        connection.execute(text("UPDATE citizen_keys SET wrapped = wrapped"))


@pytest.mark.parametrize("table", WORKING)
def test_working_tables_are_free(filled, table):
    """But for what the application has no need to do to them."""
    with filled.connect() as connection:
        all_of = statements(connection, table)
    for operation in ("UPDATE", "DELETE"):
        refused = NO_PRIVILEGE if NOT_GRANTED.get(table) == operation else None
        assert refusal(filled, all_of[operation], APP_ROLE) == refused
    assert refusal(filled, all_of["TRUNCATE"], APP_ROLE) == NO_PRIVILEGE
