"""Whose cosignatures this ledger asks for: the file `CREDENCE_HOME/witnesses`, and the notice that makes it public.

    log credence.example/ledger+0ab1c2d3+AX...
    witness w1 witness.example/one+1c2d3e4f+BF...  https://witness.example/one
    witness w2 witness.example/two+2d3e4f50+BK...  https://witness.example/two
    witness w3 witness.example/three+3e4f5061+BL... https://witness.example/three
    group two-of-them 2 w1 w2 w3
    quorum two-of-them

It is a C2SP tlog-policy in which this ledger is a log. A witness with an address (its submission prefix, as the
specification recommends) is asked there; one without is not asked, but sends (`app.services.ledger.cosignature_intake`). When
the sequencer starts with a file that it has not seen, the file becomes a document of the ledger and a `witness_policy`
notice names it: from the block that takes the notice in on, blocks are cosigned, and everybody can see by whom. Without the
file nobody is asked.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.core import fields
from app.core.errors import FormatError, RefusedError
from app.core.log import notices
from app.core.log.policy import Policy
from app.db import admission, ledger

if TYPE_CHECKING:
    from app.db.session import Connection
    from app.services.bureau import Bureau


def read(bureau: Bureau) -> tuple[Policy, bytes] | None:
    """(policy, file) of `CREDENCE_HOME/witnesses`, None without one. RefusedError says what is wrong with it."""
    path = bureau.home.witnesses
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        policy = Policy.parse(data)
    except FormatError as error:
        raise RefusedError(f"{path}: {error.detail}", code="bad-witnesses") from error
    if all(log.verifier != bureau.verifier for log in policy.logs):
        message = f"{path} does not name this ledger: it needs the line `log {bureau.genesis.vkey}`"
        raise RefusedError(message, code="bad-witnesses")
    for witness in policy.witnesses:
        if witness.url and not _is_address(witness.url):
            name = witness.name.decode(errors="replace")
            message = f"{path}: the witness {name} has no address like https://witness.example/prefix"
            raise RefusedError(message, code="bad-witnesses")
    return policy, data


def _is_address(url: bytes) -> bool:
    try:
        parts = urlsplit(url.decode())
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def declare(bureau: Bureau, data: bytes) -> None:
    """Admit the notice of a policy that is not the newest one already."""
    digest = sha256(data).digest()
    with bureau.transaction() as connection:
        admission.lock_out_admissions(connection)
        known = _notices(connection)
        if known and known[-1][0].policy == fields.format_hex32(digest):
            return
        ledger.store_document(connection, digest, data)
        notice = notices.witness_policy(digest, bureau.now())
        admission.insert_notice(connection, notices.encode(notice))


def first_index(connection: Connection, data: bytes) -> int | None:
    """The log index of the newest notice of this policy, None while no block has taken it in."""
    digest = fields.format_hex32(sha256(data).digest())
    known = [index for notice, index in _notices(connection) if notice.policy == digest]
    return known[-1] if known else None


def own(bureau: Bureau, connection: Connection) -> bytes:
    """The policy that this ledger has declared; without one, its key and no witness."""
    return declared(connection) or without_witnesses(bureau)


def without_witnesses(bureau: Bureau) -> bytes:
    """The policy that asks for this ledger's signature alone."""
    return f"log {bureau.genesis.vkey}\nquorum none\n".encode()


def declared(connection: Connection) -> bytes | None:
    """The file of the newest policy that a published block has taken in, None when there is none."""
    published = ledger.newest_publication(connection)
    size = published[0].tree_size if published else 0
    known = [notice for notice, index in _notices(connection) if index is not None and index < size]
    return ledger.document(connection, fields.hex32(known[-1].policy)) if known else None


def _notices(connection: Connection) -> list[tuple[notices.WitnessPolicy, int | None]]:
    """(notice, log index or None) of every admitted one, in order."""
    rows = admission.notices_with(connection, b'"notice":"witness_policy"')
    decoded = [(notices.decode(payload), index) for _, payload, index in rows]
    return [(notice, index) for notice, index in decoded if isinstance(notice, notices.WitnessPolicy)]
