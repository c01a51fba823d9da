"""`app/db/schema` says what `migrations/` made: the same tables, columns, types and keys, and a class for each."""

from __future__ import annotations

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.dialects import postgresql

from app.db import schema

ALEMBICS = "alembic_version"


@pytest.fixture
def inspector(database):
    return inspect(database)


def test_tables_are_the_same(inspector):
    assert set(inspector.get_table_names()) - {ALEMBICS} == set(schema.metadata.tables)


def test_every_table_is_of_one_class():
    classes = [table.name for group in (schema.APPEND_ONLY, schema.SEALED, schema.WORKING) for table in group]
    assert sorted(classes) == sorted(schema.metadata.tables)


@pytest.mark.parametrize("name", sorted(schema.metadata.tables))
def test_columns_types_and_keys_are_the_same(inspector, name):
    table, dialect = schema.metadata.tables[name], postgresql.dialect()
    expected = {
        column.name: (column.type.compile(dialect), column.nullable, column.primary_key)
        for column in table.columns
    }
    keys = inspector.get_pk_constraint(name)["constrained_columns"]
    stored = {
        column["name"]: (column["type"].compile(dialect), column["nullable"], column["name"] in keys)
        for column in inspector.get_columns(name)
    }
    assert stored == expected
    assert keys == [column.name for column in table.primary_key.columns], "the order of a key matters"


def test_citizens_key_is_read_from_the_index_alone(database):
    with database.connect() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))
        rows = connection.execute(text("EXPLAIN SELECT key FROM citizens WHERE id = 1")).scalars()
        assert "Index Only Scan using citizens_pkey" in next(iter(rows))


def test_every_table_has_the_triggers_of_its_class(database):
    query = text(
        "SELECT c.relname, p.proname, t.tgtype & 1 > 0, t.tgtype & 2 > 0, t.tgtype & 8 > 0, t.tgtype & 16 > 0,"
        " t.tgtype & 32 > 0 FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
        " WHERE NOT t.tgisinternal AND t.tgenabled = 'O'"
    )
    with database.connect() as connection:
        found = {tuple(row) for row in connection.execute(query)}
    # (table, function, for each row, before, on DELETE, on UPDATE, on TRUNCATE)
    guards = {"credence_append_only": schema.APPEND_ONLY, "credence_retention_only": schema.SEALED}
    assert found == {
        row
        for function, tables in guards.items()
        for table in tables
        for row in (
            (table.name, function, True, True, True, True, False),
            (table.name, function, False, True, False, False, True),
        )
    } | {("evidence_keys", "credence_evidence_goes", True, False, True, False, False)}


def test_nobody_but_the_two_roles_was_granted_anything(database):
    query = text(
        "SELECT DISTINCT grantee FROM information_schema.role_table_grants WHERE table_schema = 'public'"
        " AND grantee <> (SELECT tableowner FROM pg_tables WHERE tablename = 'blocks')"
    )
    with database.connect() as connection:
        assert set(connection.execute(query).scalars()) == {"credence_app", "credence_retention"}


def test_roles_cannot_log_in_and_own_nothing(database):
    query = text(
        "SELECT rolname, rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls,"
        " (SELECT count(*) FROM pg_class WHERE relowner = r.oid) FROM pg_roles r"
        " WHERE rolname IN ('credence_app', 'credence_retention') ORDER BY 1"
    )
    with database.connect() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            ("credence_app", False, 0),
            ("credence_retention", False, 0),
        ]
