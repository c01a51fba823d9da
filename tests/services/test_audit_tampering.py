"""One changed byte in any table of the ledger is found by the audit and named.

`EXPECTED` says for every column of every table how the audit names the row: each is the beginning of a finding, `{column}`
stands for the row's own value and `{new}` for what the column was changed to. A new column without a line here fails.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import random
import uuid

import psycopg
import pytest

from app.core.reporting import events as event_formats
from app.core.reporting.event_types import CLASS_BY_TYPE
from app.db.schema import LEDGER, SEALED, metadata
from app.services.ledger.audit import log_audit
from tests.conftest import url_of
from tests.services.audited import Tamper, fill
from tests.services.builders import Ledger

TABLES = {table.name: table for table in (*LEDGER, *SEALED, metadata.tables["log_edge"])}
COLUMNS = [(table.name, column.name) for table in TABLES.values() for column in table.columns]

BATCH, NOTICE = "batches: batch {id}:", "notices: notice {id}:"
EVENT, BODY = "events: batch {batch} position {position}:", "event_bodies: batch {batch} position {position}:"
VERSION, STATE = (
    "accounts: citizen {citizen} block {block}:",
    "account_bodies: citizen {citizen} block {block}:",
)
TILE, EDGE = "tiles: {name}, tile {tile_index}", "log_edge: {name}:"
COSIGNED = (
    "publications: block {block}: carries a signature line",
    "publications: block {block}: the checkpoint:",
)
TRIE = "trie_tiles: block {block} depth {depth} prefix {prefix}:"

EXPECTED = {
    "batches": {
        "id": ("placements: admission {id}:", "events: batch {id} position 0: belongs to no batch"),
        "hash": (BATCH,), "furnisher": (BATCH,), "batch_id": (BATCH,), "event_count": (BATCH,), "note": (BATCH,),
        "receipt": (BATCH,),
    },
    "notices": {"id": ("placements: admission {id}:", "notices: notice {new}:"), "payload": (NOTICE,)},
    "furnishers": {"id": ("furnishers: number {new}:",), "name": ("furnishers: number {id}:",)},
    "events": {
        "batch": (EVENT, "events: batch {new} position {position}:"),
        "position": (EVENT, "events: batch {batch} position {new}:"),
        "citizen": (EVENT + " belongs to no citizen", BODY + " The sealed bytes do not open"),
        "furnisher": (EVENT,), "event_id": (EVENT,), "commitment": (EVENT,),
    },
    "enrolments": {
        "citizen": ("enrolments: citizen {new}:", "citizen_keys: citizen {citizen}: belongs to no citizen"),
        "tag": ("enrolments: citizen {citizen}: tag is not that",),
    },
    "citizens": {
        "id": ("citizens: citizen {new}:", "citizens: citizen {id}: is missing"),
        "key": ("citizens: citizen {id}: key is not the VRF output",),
        "vrf_proof": ("citizens: citizen {id}:",),
    },
    "placements": {
        "admission": ("placements: admission {new}:", "placements: admission {admission}: missing"),
        "first_index": ("placements: admission {admission}:",),
        "block": ("placements: admission {admission}:",),
    },
    "tiles": {"level": (TILE,), "tile_index": (TILE,), "data": (TILE,)},
    "blocks": {
        "number": ("blocks: block {number}: missing",),
        "tree_size": ("blocks: block {number}:",), "root": ("blocks: block {number}:",),
        "entry": ("blocks: block {number}:",), "checkpoint": ("blocks: block {number}:",),
    },
    "publications": {"block": ("publications: block {block}:",), "checkpoint": ("publications: block {block}:",)},
    "cosignatures": {
        "block": ("publications: block {new}:", "cosignatures: block {new}:"), "witness": COSIGNED, "key_id": COSIGNED,
        "signature": COSIGNED,
    },
    "documents": {"hash": ("documents: {hash}:",), "body": ("documents: {hash}:",)},
    "accounts": {"citizen": (VERSION,), "block": (VERSION,), "value": (VERSION,), "until": (VERSION,)},
    "trie_tiles": {"depth": (TRIE,), "prefix": (TRIE,), "block": (TRIE,), "data": (TRIE,)},
    "event_bodies": {"batch": (BODY,), "position": (BODY,), "sealed": (BODY,)},
    "account_bodies": {"citizen": (STATE,), "block": (STATE,), "sealed": (STATE,)},
    "citizen_keys": {"citizen": ("citizen_keys: citizen {citizen}:",), "wrapped": ("citizen_keys: citizen {citizen}:",)},
    "log_edge": {"level": (EDGE,), "tile_index": (EDGE,), "data": (EDGE,)},
}  # fmt: skip


@pytest.fixture(scope="module")
def ledger(template_database, administer, server_url, tmp_path_factory):
    """One for the whole module: each test puts back what it changed."""
    name = f"credence_audited_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("audited"), url_of(server_url, name))
    fill(made)
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def tamper(ledger):
    made = Tamper(ledger)
    yield made
    assert made.audit() == [], "the tests put everything back"
    made.close()


@pytest.fixture(autouse=True)
def _nothing_is_being_published(monkeypatch):
    """So there is nothing to wait for."""
    monkeypatch.setattr(log_audit, "PUBLICATION_WAIT_S", 0.05)


def some(rows):
    """The first, the middle and the last of the rows."""
    return [rows[at] for at in sorted({0, len(rows) // 2, len(rows) - 1})]


def nudged(value):
    """The value with one byte or one unit changed, in several ways, for the case that one clashes with another row."""
    if isinstance(value, bytes):
        for at in (len(value) // 2, 0, len(value) - 1):
            yield value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :] if value else b"\0"
    elif isinstance(value, int):
        yield from (value + 1, value - 1, value + 1003, value - 1003)
    elif isinstance(value, str):
        at = len(value) // 2
        yield value[:at] + ("b" if value[at] == "a" else "a") + value[at + 1 :]
    elif isinstance(value, uuid.UUID):
        yield uuid.UUID(int=value.int ^ 1)
    else:
        yield value + dt.timedelta(days=1)


def names(finding, expected, row, new=None):
    """Whether a finding begins as one of the expectations, filled in with the row."""
    shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}
    shown["prefix"] = shown.get("prefix") or "-"
    level = row.get("level")
    shown["name"] = "entries" if level == -1 else f"level {level}"
    return any(finding.startswith(each.format(**shown, new=new)) for each in expected)


def changed(tamper, table, row, column, candidates):
    """(the value that was put in, the findings) of the first candidate that does not clash with another row."""
    for value in candidates:
        try:
            with tamper.replaced(table, [row], [{**row, column: value}]):
                return value, tamper.audit()
        except psycopg.errors.UniqueViolation:
            continue
    raise AssertionError(f"no value could be put into {table}.{column}")


# ---- the ledger that is tampered with


def test_ledger_is_clean_and_has_everything(tamper):
    assert tamper.audit() == []
    types = set()
    for first, last in tamper.source.citizen_pages(100):
        for citizen in tamper.source.citizens(first, last):
            types |= {
                event_formats.type_of(event_formats.decode_stored(event.line)) for event in citizen.events
            }
    assert types == set(CLASS_BY_TYPE)
    assert all(tamper.rows(table) for table in TABLES), "no table is empty"
    assert {row["level"] for row in tamper.rows("tiles")} == {-1, 0}
    assert tamper.source.waiting().admissions, "something is in no block yet"
    assert len(tamper.rows("blocks")) == 6
    aged = [row for row in tamper.rows("accounts") if row["block"] == 4]
    assert aged, "accounts were scored again on a day without events"


def test_every_column_has_an_expectation():
    assert {(table, column) for table, columns in EXPECTED.items() for column in columns} == set(COLUMNS)


# ---- one value, one row


@pytest.mark.parametrize(("table", "column"), COLUMNS)
def test_one_changed_value_is_named(tamper, table, column):
    for row in some(tamper.rows(table)):
        new, findings = changed(tamper, table, row, column, nudged(row[column]))
        assert any(names(each, EXPECTED[table][column], row, new) for each in findings), findings[:10]


DELETED = {
    "batches": ("placements: admission {id}:", "events: batch {id} position 0: belongs to no batch"),
    "notices": ("placements: admission {id}:",),
    "furnishers": ("events: batch",),
    "events": (EVENT, "batches: batch {batch}: number of events"),
    "enrolments": ("citizen_keys: citizen {citizen}: belongs to no citizen",),
    "citizens": ("citizens: citizen {id}: is missing",),
    "placements": ("placements: admission {admission}: missing",),
    "blocks": ("blocks: block {number}: missing",),
    "publications": ("publications: block {block}:",),
}


UNMISSED = {"cosignatures"}
"""That a witness has cosigned, nobody but the witness remembers; proofs below the quorum are refused by who asks for it."""


@pytest.mark.parametrize("table", sorted(TABLES.keys() - UNMISSED))
def test_deleted_row_is_named(tamper, table):
    expected = DELETED.get(table) or next(iter(EXPECTED[table].values()))
    for row in some(tamper.rows(table)):
        if table == "notices" and row == tamper.rows(table)[-1]:
            continue  # it waits for its block: nothing that is signed speaks of it yet
        with tamper.replaced(table, [row], []):
            findings = tamper.audit()
        assert any(names(each, expected, row) for each in findings), findings[:10]


INSERTED = {
    "batches": (
        {"id": 10**6, "hash": bytes(32), "batch_id": "copy"},
        "batches: batch 1000000: nobody was given",
    ),
    "notices": ({"id": 10**6}, "notices: notice 1000000: nobody was given"),
    "furnishers": ({"id": 999, "name": "copy.example"}, "furnishers: number 999:"),
    "events": ({"position": 60_000, "event_id": uuid.UUID(int=7)}, "events: batch {batch} position 60000:"),
    "enrolments": ({"citizen": 999, "tag": bytes(32)}, "enrolments: citizen 999:"),
    "citizens": ({"id": 999, "key": bytes(32)}, "citizens: citizen 999:"),
    "placements": ({"admission": 999, "first_index": 10**6}, "placements: admission 999:"),
    "tiles": ({"tile_index": 5}, "tiles: {name}, tile 5"),
    "blocks": ({"number": 6, "tree_size": 10**6}, "blocks: block 6:"),
    "publications": ({"block": 6}, "publications: block 6:"),
    "cosignatures": ({"key_id": 7}, "publications: block {block}: carries a signature line"),
    "documents": ({"hash": bytes(32)}, "documents: 00000000"),
    "accounts": ({"block": 999}, "accounts: citizen {citizen} block 999:"),
    "trie_tiles": ({"prefix": b"\x07"}, "trie_tiles: block {block} depth {depth} prefix 07:"),
    "event_bodies": ({"position": 60_000}, "event_bodies: batch {batch} position 60000:"),
    "account_bodies": ({"block": 999}, "account_bodies: citizen {citizen} block 999:"),
    "citizen_keys": ({"citizen": 999}, "citizen_keys: citizen 999:"),
    "log_edge": ({"level": 5}, "log_edge: level 5:"),
}


@pytest.mark.parametrize("table", TABLES)
def test_inserted_row_is_named(tamper, table):
    for row in some(tamper.rows(table)):
        other, expected = INSERTED[table]
        with tamper.replaced(table, [], [{**row, **other}]):
            findings = tamper.audit()
        assert any(names(each, (expected,), row) for each in findings), findings[:10]


def test_document_that_nothing_names_is_named(tamper):
    body = b"a document of nobody's"
    digest = hashlib.sha256(body).digest()
    with tamper.replaced("documents", [], [{"hash": digest, "body": body}]):
        assert tamper.audit() == [f"documents: {digest.hex()}: is named by no notice"]


def test_missing_row_of_what_is_settled_is_named(tamper):
    row = tamper.rows("settled")[-1]
    with tamper.replaced("settled", [row], []):
        findings = tamper.audit()
    assert f"settled: block {row['block']}: is missing, and an earlier block's is not" in findings, findings[
        :10
    ]


@pytest.mark.parametrize(
    ("which", "change", "says"),
    [
        (-1, {"admission": 10**6}, "calls settled what no block holds"),
        (-2, {"admission": 10**6}, "calls settled what the next block holds"),
        (-1, {"admission": -1}, "calls less settled than the block before it"),
        (-1, {"block": 999}, "belongs to no block"),
    ],
)
def test_what_is_called_settled_and_is_not_is_named(tamper, which, change, says):
    row = tamper.rows("settled")[which]
    changed = {**row, **change}
    with tamper.replaced("settled", [row], [changed]):
        findings = tamper.audit()
    assert any(each == f"settled: block {changed['block']}: {says}" for each in findings), findings[:10]


# ---- two rows that were valid where they stood


def swapped(tamper, table, rows, *columns):
    one, two = rows
    new = [{**one, **{c: two[c] for c in columns}}, {**two, **{c: one[c] for c in columns}}]
    with tamper.replaced(table, [one, two], new):
        return tamper.audit()


def bodies_of_one_citizen(tamper, citizen):
    own = {(row["batch"], row["position"]) for row in tamper.rows("events") if row["citizen"] == citizen}
    return [row for row in tamper.rows("event_bodies") if (row["batch"], row["position"]) in own]


def test_swapped_bodies_are_named(tamper):
    first, last = tamper.rows("citizens")[0]["id"], tamper.rows("citizens")[-3]["id"]
    own, other = bodies_of_one_citizen(tamper, first), bodies_of_one_citizen(tamper, last)
    for pair, table in (((own[0], own[-1]), "events"), ((own[0], other[0]), "event_bodies")):
        findings = swapped(tamper, "event_bodies", pair, "sealed")
        for row in pair:
            assert any(
                names(each, (f"{table}: batch {{batch}} position {{position}}:",), row) for each in findings
            )


def test_swapped_versions_are_named(tamper):
    versions = tamper.rows("accounts")
    of_one = [row for row in versions if row["citizen"] == versions[0]["citizen"]]
    at_one = [row for row in versions if row["block"] == versions[0]["block"]]
    for pair in (of_one[:2], at_one[:2]):
        findings = swapped(tamper, "accounts", pair, "value", "until")
        assert all(any(names(each, (VERSION,), row) for each in findings) for row in pair)
    states = {(row["citizen"], row["block"]): row for row in tamper.rows("account_bodies")}
    for pair in (of_one[:2], at_one[:2]):
        bodies = [states[row["citizen"], row["block"]] for row in pair]
        findings = swapped(tamper, "account_bodies", bodies, "sealed")
        assert all(any(names(each, (STATE,), row) for each in findings) for row in bodies)


def test_swapped_commitments_are_named(tamper):
    events = tamper.rows("events")
    for pair in ((events[3], events[4]), (events[0], events[-1])):
        findings = swapped(tamper, "events", pair, "commitment")
        assert all(any(names(each, (EVENT,), row) for each in findings) for row in pair)


def test_swapped_events_with_their_bodies_are_named(tamper):
    """Both in the same batch and by the same citizen: only the order is another."""
    events = tamper.rows("events")[:2]
    bodies = tamper.rows("event_bodies")[:2]
    sealed = {"sealed": bodies[1]["sealed"]}, {"sealed": bodies[0]["sealed"]}
    with tamper.replaced("event_bodies", bodies, [bodies[0] | sealed[0], bodies[1] | sealed[1]]):
        findings = swapped(tamper, "events", events, "citizen", "furnisher", "event_id", "commitment")
    assert all(any(names(each, (EVENT,), row) for each in findings) for row in events)


@pytest.mark.parametrize("table", ["blocks", "publications"])
def test_older_checkpoint_is_named(tamper, table):
    older, newer = tamper.rows(table)[-2:]
    with tamper.replaced(table, [newer], [{**newer, "checkpoint": older["checkpoint"]}]):
        findings = tamper.audit()
    number = newer["number"] if table == "blocks" else newer["block"]
    assert any(each.startswith(f"{table}: block {number}:") for each in findings), findings


@pytest.mark.parametrize("table", ["blocks", "publications"])
def test_further_signature_line_is_named(tamper, table):
    row = tamper.rows(table)[0]
    line = "\N{EM DASH} witness.example AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
    with tamper.replaced(table, [row], [{**row, "checkpoint": row["checkpoint"] + line}]):
        assert any(each.startswith(f"{table}: block 0:") for each in tamper.audit())


def test_whole_block_that_was_cut_off_is_found(tamper):
    """A rollback to the block before, tables and all but the head: the head outside the database tells."""
    number = tamper.rows("blocks")[-1]["number"]
    cut = [
        ("blocks", "number"),
        ("publications", "block"),
        ("accounts", "block"),
        ("account_bodies", "block"),
    ]
    for table, column in cut:
        rows = [row for row in tamper.rows(table) if row[column] == number]
        with tamper.replaced(table, rows, []):
            assert any(f"block {number}" in each for each in tamper.audit()), table


def test_changed_head_is_named(tamper, ledger):
    head, good = ledger.home.head, ledger.home.head.read_bytes()
    older = tamper.rows("publications")[-2]["checkpoint"].encode()
    another = good.replace(good.splitlines()[1], b"9999")
    for bad in (older, another, good[:-10] + b"AAAA" + good[-6:], b"", None):
        try:
            head.unlink() if bad is None else head.write_bytes(bad)
            findings = tamper.audit()
        finally:
            head.write_bytes(good)
        assert len(findings) == 1, findings
        assert findings[0].startswith("head: the copy outside the database:")


# ---- any damage at all


def random_value(dice, value):
    """Anything that the column's type holds."""
    if isinstance(value, bytes | str):
        size = dice.choice([0, 1, len(value) // 2, len(value), len(value) + 1, 3 * len(value)])
        if isinstance(value, str):
            kept = value[: dice.randrange(len(value) + 1)]
            return (kept + "".join(dice.choice("\n a\u2014é+0\U0001f600") for _ in range(size)))[:size]
        kept = value[: dice.randrange(len(value) + 1)]
        return (kept + dice.randbytes(size))[:size]
    if isinstance(value, int):
        return dice.choice([0, -1, 2**15 - 1, -(2**15), value + dice.randrange(-3, 4), dice.randrange(2**15)])
    if isinstance(value, uuid.UUID):
        return uuid.UUID(int=dice.getrandbits(128))
    return dice.choice([dt.date.min, dt.date.max, value + dt.timedelta(days=dice.randrange(-400, 400))])


@pytest.mark.parametrize("seed", range(150))
def test_any_damage_is_a_finding_and_never_an_error(tamper, seed):
    dice = random.Random(seed)
    table = dice.choice(list(TABLES))
    rows = tamper.rows(table)
    hit = dice.sample(rows, min(len(rows), dice.choice([1, 1, 2, 5])))
    damaged = []
    for row in hit:
        column = dice.choice(list(row))
        damaged.append({**row, column: random_value(dice, row[column])})
    if damaged == hit:
        return
    try:
        with tamper.replaced(table, hit, damaged):
            assert tamper.audit(), (hit, damaged)
    except (psycopg.errors.UniqueViolation, psycopg.errors.NotNullViolation, psycopg.errors.CheckViolation):
        return


@pytest.mark.parametrize("table", sorted(TABLES.keys() - UNMISSED))
def test_table_that_was_emptied_is_a_finding(tamper, table):
    rows = tamper.rows(table)
    with tamper.replaced(table, rows, []):
        assert tamper.audit()


def test_numbers_at_the_end_of_their_range_are_findings(tamper):
    for table, column in (("blocks", "number"), ("blocks", "tree_size"), ("placements", "first_index"), ("tiles", "tile_index"),
                          ("citizens", "id"), ("accounts", "block"), ("trie_tiles", "block"), ("batches", "id")):  # fmt: skip
        row = tamper.rows(table)[0]
        for value in (2**63 - 1, -(2**63)):
            with tamper.replaced(table, [row], [{**row, column: value}]):
                assert tamper.audit(), (table, column, value)
