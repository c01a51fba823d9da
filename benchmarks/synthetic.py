"""Ledgers of any number of citizens, written by COPY as intake would have stored them.

    lender = Lender(bureau)
    lender.enrol(65_536)         a batch of `account_opened`, one for each of so many new citizens
    lender.report(16_384)        a batch of `statement`, one for each of so many citizens chosen at random

All is what it would be, down to the signed note, its root, the receipt and the sealed bodies, so that the sequencer's checks
pass; but for the tags, citizen keys and their proofs, which are random bytes here, and there before the first block.
"""

from __future__ import annotations

import os
import random
import secrets
from itertools import starmap
from struct import Struct
from typing import TYPE_CHECKING

from app.core import fields
from app.core.log.note import Signer
from app.core.reporting.batch import make_batch, parse_batch, verify_root
from app.core.reporting.receipt import Receipt
from app.core.state.enrolment import TAG_SIZE
from app.core.state.sealing import NONCE_SIZE, WRAPPED_SIZE, CitizenKeys, seal, wrap
from app.core.state.vrf import PROOF_SIZE
from app.db import admission
from app.db.pgcopy import copy_rows
from app.services.ledger.register import register_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.services.bureau import Bureau

NAME = "lender.synthetic"
IDENTIFIERS_FROM = 1_000_000  # research citizens have the numbers below

_ENROLMENT = Struct(f"!hiqi{TAG_SIZE}s").pack
_CITIZEN = Struct(f"!hiqi32si{PROOF_SIZE}s").pack
_KEYS = Struct(f"!hiqi{WRAPPED_SIZE}s").pack


class Lender:
    """One furnisher and the citizens that it has brought."""

    def __init__(self, bureau: Bureau) -> None:
        self._bureau = bureau
        self._signer = Signer.generate_from_seed(NAME, secrets.token_bytes(32))
        self._data_keys: dict[int, bytes] = {}
        self._numbers: list[int] = []
        register_key(bureau, self._signer, "lender")

    def __len__(self) -> int:
        return len(self._numbers)

    def enrol(self, count: int) -> None:
        """A batch by which `count` new citizens get their files."""
        tags, people, secrets_ = [], [], []
        with self._bureau.transaction() as connection:
            row = connection.execute("SELECT coalesce(max(citizen), 0) FROM enrolments").fetchone()
            assert row is not None
            numbers = range(row[0] + 1, row[0] + 1 + count)
            for number in numbers:
                key, keys = os.urandom(32), CitizenKeys(os.urandom(32), os.urandom(32))
                wrapped = wrap(self._bureau.people.wrap_key, os.urandom(NONCE_SIZE), number, keys)
                tags.append(_ENROLMENT(2, 8, number, TAG_SIZE, os.urandom(TAG_SIZE)))
                people.append(_CITIZEN(3, 8, number, 32, key, PROOF_SIZE, os.urandom(PROOF_SIZE)))
                secrets_.append(_KEYS(2, 8, number, WRAPPED_SIZE, wrapped))
                self._data_keys[number] = keys.data_key
            copy_rows(connection, "enrolments (citizen, tag)", tags)
            copy_rows(connection, "citizens (id, key, vrf_proof)", people)
            copy_rows(connection, "citizen_keys (citizen, wrapped)", secrets_)
        self._numbers += numbers
        self._admit(numbers, '"class":"card","currency":"TWD",', '"limit_minor":5000000,', "account_opened")

    def report(self, count: int) -> None:
        """A batch of one statement each about `count` citizens."""
        balance = f'"balance_minor":{random.randrange(10**6)},'
        self._admit(random.sample(self._numbers, count), '"currency":"TWD",', "", "statement", balance)

    def _admit(
        self, numbers: Sequence[int], before_day: str, limit: str, kind: str, balance: str = ""
    ) -> None:
        bureau = self._bureau
        day, moment = bureau.today(), int(bureau.now().timestamp() * 1000)
        ids = [fields.uuid7(moment, os.urandom(10)) for _ in numbers]

        def line(number: int, event_id: str) -> bytes:
            """Canonical form: `class` and `currency` stand on either side of `citizen`."""
            citizen, nonce = f"uci:{IDENTIFIERS_FROM + number}", fields.format_b64url32(os.urandom(32))
            return (
                f'{{"account":"card-{number}",{balance}"citizen":"{citizen}",{before_day}"day":"{day}","furnisher":"{NAME}",'
                f'"id":"{event_id}","ledger":"{bureau.origin}",{limit}"nonce":"{nonce}","type":"{kind}","v":1}}'
            ).encode()

        lines = list(starmap(line, zip(numbers, ids, strict=True)))
        file = parse_batch(make_batch(self._signer, bureau.origin, f"synthetic-{ids[0]}", lines))
        sealed = [
            seal(self._data_keys[n], os.urandom(NONCE_SIZE), each)
            for n, each in zip(numbers, lines, strict=True)
        ]
        with bureau.transaction() as connection:
            batch = admission.NewBatch(
                hash=file.batch_hash,
                furnisher=NAME,
                furnisher_no=bureau.furnisher_number(connection, NAME),
                batch_id=file.header.batch_id,
                note=file.note.decode(),
                receipt=Receipt(bureau.origin, file.batch_hash, len(lines), bureau.now(), bureau.now())
                .sign(bureau.service)
                .decode(),
                commitments=verify_root(lines)[0],
                event_ids=[bytes.fromhex(each.replace("-", "")) for each in ids],
                citizens=numbers,
                sealed=sealed,
            )
            admission.insert_batches(connection, admission.draw_batch_ids(connection, 1)[0], [batch])
