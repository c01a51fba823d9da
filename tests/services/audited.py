"""A small ledger for the audit's tests: every type of event, several blocks, aged accounts, and something that still waits.

`Tamper` changes it behind the triggers' backs, one row at a time, and puts the row back.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager

import orjson
import psycopg
from sqlalchemy.engine import make_url

from app.core import canon
from app.core.errors import CredenceError
from app.core.log.note import COSIGNATURE_ED25519, Signer, split
from app.core.state import sealing
from app.db import cosignatures
from app.db import ledger as rows
from app.db.schema import metadata
from app.services.banks.inquiries import inquire
from app.services.banks.replies import ConsentError
from app.services.citizens.links import create_link, open_link
from app.services.ledger import witness_policy
from app.services.ledger.audit import audit
from app.services.ledger.audit.source import DatabaseSource
from app.services.ledger.register import register_key, revoke_key
from tests.services.builders import BANK, PAPER, Desk, Ledger, card

CITIZENS = 40
WITNESSES = [Signer(f"w{n}.example", bytes([n]) * 32, COSIGNATURE_ED25519) for n in (1, 2)]
POLICY = (
    "".join(f"witness w{n} {each.verifier.encode()}\n" for n, each in enumerate(WITNESSES)) + "quorum w1\n"
)
COURT, GONE = "court.example", "gone.example"


def fill(ledger: Ledger) -> None:
    """Six blocks and what comes behind them."""
    for name, role in ((COURT, "public_body"), (GONE, "lender")):
        ledger.signers[name] = Signer.generate_from_seed(name, hashlib.sha256(name.encode()).digest())
        register_key(ledger.bureau, ledger.signers[name], role)
    policy = POLICY + f"log {ledger.bureau.genesis.vkey}\n"
    witness_policy.declare(ledger.bureau, policy.encode())
    ledger.report(CITIZENS, months=2)
    ledger.step()
    _conduct(ledger)
    ledger.step()
    _access(ledger)
    ledger.step()
    _repair(ledger)
    ledger.publish(card("Second card"), ahead=150, report=b'{"auc":0.73}')
    ledger.step()
    ledger.clock.move(days=150)  # accounts age, the second card comes into force, and nothing else happens
    with ledger.sequencer() as sequencer:
        assert sequencer.step(), "a new day makes a block"
    ledger.admit(
        ledger.lender.batch([ledger.lender.status(f"uci:{n}", late=n == 3) for n in (2, 3, 50)]),
        ledger.enrolment.batch([ledger.enrolment.event("erasure", "uci:17", scope="consent_based", **PAPER)]),
    )  # the erasure so late that its time is not over
    ledger.step()
    _cosign(ledger)
    waiting = [ledger.utility.utility("uci:4"), ledger.utility.utility("uci:60")]
    ledger.admit(ledger.utility.batch(waiting))
    register_key(ledger.bureau, Signer.generate_from_seed("new.example", bytes(32)), "lender")


def _cosign(ledger: Ledger) -> None:
    """Both witnesses cosign every block."""
    with ledger.bureau.transaction() as connection:
        for number in range(6):
            text = split(rows.block_by_number(connection, number).checkpoint.encode())[0]
            for signer in WITNESSES:
                cosignatures.insert(connection, number, signer.sign_text(text, time_s=1_800_000_000 + number))


def _conduct(ledger: Ledger) -> None:
    told = {"notified_on": ledger.clock.day(5), "notified_by": "letter"}
    lender, utility, court = (
        ledger.lender,
        ledger.utility,
        Desk(ledger.signers[COURT], ledger.bureau.origin, ledger.clock),
    )
    gone = Desk(ledger.signers[GONE], ledger.bureau.origin, ledger.clock)
    ledger.admit(
        lender.batch([lender.status("uci:5", late=True, ago=3), lender.event("account_closed", "uci:6", account="card-1")]),
        utility.batch([
            utility.event("rent", "uci:7", account="flat", status="on_time"),
            utility.event("telecom", "uci:7", account="line", status="late", **told),
            utility.event("utility", "uci:8", account="meter", status="settled"),
            utility.event("collection_placed", "uci:8", case="k-1", **told),
            utility.event("collection_settled", "uci:8", case="k-1"),
        ]),
        court.batch([
            court.event("court_debt", "uci:9", case="c-1", **told),
            court.event("court_debt_settled", "uci:9", case="c-1"),
            court.event("insolvency", "uci:10", case="c-2", **told),
            court.event("insolvency_discharged", "uci:10", case="c-2"),
            canon.encode(orjson.loads(court.event("arrears", "uci:11", case="c-3", **told)) | {"kind": "tax"}),
            court.event("arrears_paid", "uci:11", case="c-3"),
        ]),
        gone.batch([gone.opened("uci:12", ago=30), gone.status("uci:12")]),
    )  # fmt: skip
    revoke_key(ledger.bureau, GONE, "lender", "closed its doors")


def _access(ledger: Ledger) -> None:
    desk, bank = ledger.enrolment, ledger.bank
    given, withdrawn = desk.consent("uci:1"), desk.consent("uci:2")
    ledger.admit(
        desk.batch([
            given, withdrawn, desk.consent("uci:13"),
            desk.event("consent_withdrawn", "uci:2", consent=_id(withdrawn), **PAPER),
            desk.event("passkey_added", "uci:1", credential="AAAA", public_key="pQECAyYgASFYIA", **PAPER),
            desk.event("passkey_removed", "uci:1", credential="AAAA", **PAPER),
            desk.freeze("uci:13"),
            desk.freeze("uci:14"), desk.event("thaw", "uci:14", grantee=BANK, **PAPER),
        ])
    )  # fmt: skip
    assert inquire(ledger.bureau, bank.batch([bank.inquiry("uci:1")])).proof
    for citizen in ("uci:2", "uci:13"):
        try:
            inquire(ledger.bureau, bank.batch([bank.inquiry(citizen)]))
        except ConsentError:
            continue
        raise AssertionError("an inquiry without consent was answered")
    open_link(ledger.bureau, create_link(ledger.bureau, "uci:1"))  # a look


def _id(line: bytes) -> str:
    return orjson.loads(line)["id"]


def _repair(ledger: Ledger) -> None:
    lender, desk = ledger.lender, ledger.enrolment
    with psycopg.connect(owner_dsn(ledger.url)) as connection:
        query = (
            "SELECT p.first_index + 1 + e.position FROM events e JOIN placements p ON p.admission = e.batch"
            " WHERE e.citizen = (SELECT id FROM citizens WHERE key = %s) ORDER BY 1"
        )
        keys = {n: ledger.bureau.people.key_of(f"uci:{n}") for n in (15, 16, 17)}
        at = {n: [row[0] for row in connection.execute(query, (key,))] for n, key in keys.items()}
    fixed = {"account": "card-1", "currency": "CNY", "amount_minor": 99, "day": ledger.clock.day(60)}
    ledger.admit(
        desk.batch([
            desk.event("dispute_opened", "uci:15", target=at[15][1], ground="wrong_amount", text="no", **PAPER),
            desk.event("dispute_opened", "uci:16", target=at[16][1], ground="not_mine", **PAPER),
            desk.event("citizen_statement", "uci:15", text="I was away.", **PAPER),
        ]),
        lender.batch([
            lender.event("correction", "uci:15", ago=60, target=at[15][2], fields=fixed),
            lender.event("dispute_closed", "uci:15", target=at[15][1], outcome="corrected", reason="it was wrong"),
            lender.event("retraction", "uci:17", target=at[17][2], reason="reported_in_error"),
        ]),
    )  # fmt: skip


def owner_dsn(url: str) -> str:
    """The URL for psycopg, as the owner of the tables."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Tamper:
    """The owner of the tables with the triggers off."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.source = DatabaseSource.open(ledger.home, ledger.url)
        self.key = ledger.bureau.verifier
        self.connection = psycopg.connect(owner_dsn(ledger.url), autocommit=True)
        self.connection.execute("SET session_replication_role = replica")

    def close(self) -> None:
        self.connection.close()
        self.source.close()

    def audit(self) -> list[str]:
        """All findings, as sentences."""
        report = audit(lambda: self.source, lambda *_: None, ledger_key=self.key, processes=0)
        return [str(finding) for finding in report.findings]

    def rows(self, table: str) -> list[dict]:
        """All rows, by primary key."""
        key = ", ".join(column.name for column in metadata.tables[table].primary_key)
        with self.connection.cursor(row_factory=psycopg.rows.dict_row, binary=True) as cursor:
            return cursor.execute(f"SELECT * FROM {table} ORDER BY {key}").fetchall()

    def delete(self, table: str, row: dict) -> None:
        keys = [column.name for column in metadata.tables[table].primary_key]
        where = " AND ".join(f"{key} = %s" for key in keys)
        deleted = self.connection.execute(f"DELETE FROM {table} WHERE {where}", [row[key] for key in keys])
        assert deleted.rowcount == 1

    def insert(self, table: str, row: dict) -> None:
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        self.connection.execute(
            f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({marks})", list(row.values())
        )

    @contextmanager
    def replaced(self, table: str, old: list[dict], new: list[dict]):
        """Rows replaced by others, for as long as the block lasts. A clash with another row raises UniqueViolation."""
        with self.connection.transaction():
            for row in old:
                self.delete(table, row)
            for row in new:
                self.insert(table, row)
        try:
            yield
        finally:
            with self.connection.transaction():
                for row in new:
                    self.delete(table, row)
                for row in old:
                    self.insert(table, row)


def findings(ledger: Ledger):
    """What an audit finds."""
    tamper = Tamper(ledger)
    try:
        return tamper.audit()
    finally:
        tamper.close()


def table(ledger: Ledger, name: str, columns: str = "*"):
    """The rows of a table as its owner sees them."""
    with psycopg.connect(owner_dsn(ledger.url)) as connection:
        return connection.execute(f"SELECT {columns} FROM {name} ORDER BY 1, 2", binary=True).fetchall()


def surviving_keys(ledger: Ledger) -> list[bytes]:
    """Every secret of 32 bytes that there still is: of the citizens and of the bureau."""
    secrets = [ledger.home.secret(name) for name in ("wrap.key", "vrf.seed")]
    keys = {row[0]: row[1] for row in table(ledger, "citizens", "id, key")}
    for citizen, wrapped in table(ledger, "citizen_keys", "citizen, wrapped"):
        opened = sealing.unwrap(secrets[0], citizen, keys[citizen], wrapped)
        secrets += [opened.data_key, opened.salt_key]
    return secrets


def opened_by_any(secrets: list[bytes], sealed: bytes) -> bytes | None:
    """What one of the secrets opens."""
    for secret in secrets:
        try:
            return sealing.unseal(secret, sealed)
        except CredenceError:
            continue
    return None
