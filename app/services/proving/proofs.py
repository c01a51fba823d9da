"""Score proofs from the newest published block.

What a proof needs of the block (its entry, its place in the log) is worked out once a block and kept; what it needs of
the citizen is one row of their account, and a few tiles and a page of leaves of the state trie.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from app.core.errors import CredenceError, DamagedError, NotFoundError
from app.core.log import merkle
from app.core.log.block import Block
from app.core.log.tlogproof import TlogProof
from app.core.proving.proof_form import build_score_proof
from app.core.state import account, account_state, sealing
from app.db import cosignatures, ledger, people, state
from app.services.ledger.public_log import log_reader
from app.services.proving.trie_reader import TrieReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.core.state.account_state import AccountState
    from app.db.ledger import StoredBlock
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

SHOWN_TO_BANKS = ("score", "receipt")
SHOWN_TO_CITIZENS = account.NAMES
FILE_SHOWN_BYTES_MAX = 40_960
"""A larger folded file stays hidden in a proof, which has at most 65,536 bytes."""
COSIGNATURES_AGE_MAX_S = 1.0
"""Witnesses may still cosign a block from which proofs are made: its checkpoint is read anew after so long."""


@dataclass(slots=True)
class Snapshot:
    """A published block as proofs see it. `read_at` is when its checkpoint was read, on the monotonic clock."""

    block: StoredBlock
    tlog: bytes
    trie: TrieReader
    read_at: float


def snapshot(bureau: Bureau, connection: Connection, number: int | None = None) -> Snapshot:
    """The block that readers are shown, whose number may be known already. Raises NotFoundError before the first."""
    if number is None:
        number = cosignatures.newest_shown(connection)
    kept: Snapshot | None = bureau.snapshot
    if kept is not None and number < kept.block.number:
        return snapshot_of(
            connection, number
        )  # who looked a moment earlier: the newer one stays for the others
    if kept is None or kept.block.number != number:
        kept = bureau.snapshot = snapshot_of(connection, number, kept)
    elif time.monotonic() - kept.read_at > COSIGNATURES_AGE_MAX_S:
        kept.tlog, kept.read_at = _tlog(connection, kept.block), time.monotonic()
    return kept


def snapshot_at(bureau: Bureau, connection: Connection, number: int) -> Snapshot:
    """A published block: the newest one as it is kept, an older one worked out anew."""
    newest = snapshot(bureau, connection)
    return newest if newest.block.number == number else snapshot_of(connection, number)


def snapshot_of(connection: Connection, number: int, before: Snapshot | None = None) -> Snapshot:
    """Any published block; `before` is one whose parts of the trie can be of use."""
    block = ledger.block_by_number(connection, number)
    if block is None:
        raise NotFoundError("no block was published yet", code="no-checkpoint")
    accounts = Block.parse(block.entry).accounts
    reader = before.trie.carried(connection, number, accounts) if before else TrieReader(number, accounts)
    return Snapshot(block, _tlog(connection, block), reader, time.monotonic())


def _tlog(connection: Connection, block: StoredBlock) -> bytes:
    """The block's entry in the log, under the checkpoint as it is published by now."""
    checkpoint = ledger.publication(connection, block.number)
    if checkpoint is None:
        raise NotFoundError("no block was published yet", code="no-checkpoint")
    size = block.tree_size
    hashes = merkle.inclusion_proof(size - 1, size, log_reader(connection, size))
    return TlogProof(size - 1, tuple(hashes), checkpoint.encode()).encode()


def score_proof(bureau: Bureau, citizen_id: int, shown: tuple[str, ...] = SHOWN_TO_CITIZENS) -> bytes:
    """A citizen's own `.proof` file. Raises NotFoundError while they are in no block."""
    with bureau.reading() as connection:
        found = people.citizen_with_account(connection, citizen_id)
        if found is None:
            raise NotFoundError("no such citizen")
        return _newest(bureau, connection, found, shown)


def score_proof_of_session(bureau: Bureau, token: str) -> bytes | None:
    """The same for whoever holds this session's token; None when it is nobody's.

    Who asks at the same time is served together (services.banks.gathering): one question to the database for all of them, and
    one thread at work while the others rest.
    """
    proof: bytes = bureau.sessions.ask(sha256(token.encode()).digest(), partial(_of_sessions, bureau))
    return proof or None


def _of_sessions(bureau: Bureau, token_hashes: Sequence[bytes]) -> list[bytes | Exception]:
    """Proofs of those who hold these sessions, in step; empty where nobody does."""
    with bureau.reading() as connection:
        found = people.sessions_with_accounts(connection, token_hashes, bureau.now())
        if not found:
            return [b""] * len(token_hashes)
        try:
            at = snapshot(bureau, connection, next(iter(found.values()))[1])
        except NotFoundError as error:
            return [error if each in found else b"" for each in token_hashes]
        keys = [citizen.key for citizen, _, version in found.values() if version is not None]
        paths = at.trie.paths(connection, keys)
    made: dict[bytes, bytes | Exception] = {}
    for token_hash, (citizen, _, version) in found.items():
        try:
            person = bureau.people.unwrap(citizen)
            made[token_hash] = assemble(person, at, _open(person, version, at), SHOWN_TO_CITIZENS, paths)
        except CredenceError as error:
            made[token_hash] = error
    return [made.get(each, b"") for each in token_hashes]


def _newest(
    bureau: Bureau, connection: Connection, found: people.CitizenWithAccount, shown: tuple[str, ...]
) -> bytes:
    citizen, number, version = found
    person, at = bureau.people.unwrap(citizen), snapshot(bureau, connection, number)
    return build(connection, person, at, _open(person, version, at), shown)


def account_at(connection: Connection, person: Person, at: Snapshot) -> tuple[int, AccountState]:
    """(block that wrote it, state) of a citizen's account at a block. Raises NotFoundError when there is none, or when its
    plaintext was destroyed since (code `destroyed`): its hash is in that block for ever, and nobody can open it.
    """
    return _open(person, state.account_at(connection, person.id, at.block.number), at)


def _open(person: Person, version: tuple[int, bytes | None] | None, at: Snapshot) -> tuple[int, AccountState]:
    if version is None:
        raise NotFoundError("this citizen's file is in no published block yet", code="not-yet")
    if version[1] is None:
        message = (
            f"the plaintext of this citizen's file as of block {at.block.number} was destroyed when the retention of"
            " something in it was over (R11); proofs that were given out before still verify, and a newer block has the file"
        )
        raise NotFoundError(message, code="destroyed")
    return version[0], sealing.read(person.data_key, version[1], account_state.decode)


def newest_versions(
    connection: Connection, persons: Iterable[Person]
) -> tuple[int, dict[int, tuple[int, AccountState]]]:
    """The number of the newest published block (-1 for none), and these citizens' accounts there, as far as there are any,
    by the citizen's number. There is none either while a block that destroyed something is committed and not yet published:
    a moment.
    """
    by_id = {person.id: person for person in persons}
    number, found = people.accounts_of(connection, list(by_id))
    return number, {
        citizen: (block, sealing.read(by_id[citizen].data_key, sealed, account_state.decode))
        for citizen, (block, sealed) in found.items()
    }


def build(
    connection: Connection,
    person: Person,
    at: Snapshot,
    opened: tuple[int, AccountState],
    shown: tuple[str, ...],
) -> bytes:
    """The proof, showing the named disclosures and hiding the others."""
    return assemble(person, at, opened, shown, at.trie.paths(connection, [person.key]))


def assemble(
    person: Person,
    at: Snapshot,
    opened: tuple[int, AccountState],
    shown: tuple[str, ...],
    paths: Mapping[bytes, tuple[bytes, ...]],
) -> bytes:
    """`build` with a path that is at hand."""
    if person.key not in paths:
        raise DamagedError("The stored state trie does not lead to this account.")
    written_by, opened_state = opened
    if len(bytes(opened_state.file)) > FILE_SHOWN_BYTES_MAX:
        shown = tuple(name for name in shown if name != "file")
    disclosures = dict(zip(account.NAMES, opened_state.disclosures(person.salt_key, written_by), strict=True))
    return build_score_proof(
        key=person.key,
        vrf_proof=person.vrf_proof,
        shown={name: each for name, each in disclosures.items() if name in shown},
        hidden={name: account.digest(each) for name, each in disclosures.items() if name not in shown},
        siblings=paths[person.key],
        block_json=at.block.entry,
        tlog=at.tlog,
    )
