"""A block destroys plaintext: what a `destroyed` notice names goes, and what is left of those citizens is sealed anew (R11).

For each citizen concerned, within the transaction of the block that takes the notice in:

    1. open       everything that is left of the citizen's events, with the old data key
    2. rebuild    the account from what survives; `history.opaque` names what went      core.state.account_state
    3. new key    a fresh data key; the salt key stays, for it ties no hash to a guess and old entries need it. An erasure on
                  the citizen's wish destroys it too: the salts that old entries need are kept in the account
    4. seal       surviving events, the new account version, and what working tables hold, under the new key
    5. replace    old wrapped keys, event bodies and account bodies are deleted, the new ones stored; after an erasure also
                  what working tables hold of the citizen, but for the evidence of a dispute that is still open

So whoever has an old backup of the bodies and all keys that there are now can open nothing of these citizens that is older
than the block; and a crash leaves all of it or nothing. Until the commit nobody else opens or seals anything under a
citizen's key (`db.people.lock_keys`). Leaf values, commitments and the log stay as they are: old proofs still verify.
"""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from app.core.errors import DamagedError
from app.core.log import entries, merkle, notices
from app.core.reporting.events import line_and_event
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import parse_card
from app.core.state import account, account_state, erasure, sealing
from app.core.state.account_state import Opaque, Rules
from app.db import destruction, disputing, people, state
from app.services.ledger.folding import Share, keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.core.reporting.event_base import Event
    from app.db.session import Connection
    from app.services.ledger.folding import Task

    Doomed = Mapping[int, Mapping[int, str]]  # citizen -> log index -> reason
    Row = tuple[int | None, state.LoadedEvent]  # log index, or None while no block holds it


def doomed(connection: Connection, taken: Iterable[notices.Notice]) -> dict[int, dict[int, str]]:
    """Citizen -> log index -> reason of what these notices destroy. When there is any, nobody's keys change but here.

    What a notice names counts once: an entry that is no event of an earlier block, or has no body left, is passed over.
    """
    reasons = {
        index: notice.reason
        for notice in taken
        if isinstance(notice, notices.Destroyed)
        for index in notice.entries
    }
    if not reasons:
        return {}
    people.lock_keys(connection)
    found: dict[int, dict[int, str]] = defaultdict(dict)
    for index, citizen in destruction.owners(connection, list(reasons)):
        found[citizen][index] = reasons[index]
    return dict(found)


def destroy(connection: Connection, wrap_key: bytes, task: Task, going: Doomed) -> Share:
    """Destroy, and write the accounts of what is left as `task` says; their leaves are in the share."""
    rules = Rules(task.day, parse_card(task.card), PROFILES[task.profile])
    share = Share()
    changed: dict[int, tuple[bytes, bytes]] = {}
    nameless: dict[int, bytes] = {}
    old: list[destruction.Place] = []
    new: dict[destruction.Place, bytes] = {}
    wrapped: dict[int, bytes] = {}
    rows = _events(connection, task, going)
    for loaded in state.load_accounts(connection, list(going)):
        before = sealing.unwrap(wrap_key, loaded.citizen, loaded.key, loaded.wrapped)
        erased = erasure.REASON in going[loaded.citizen].values()
        salt_key = os.urandom(sealing.KEY_SIZE) if erased else before.salt_key
        after = sealing.CitizenKeys(os.urandom(sealing.KEY_SIZE), salt_key)
        lines = {
            (row.batch, row.position): sealing.read(before.data_key, row.sealed, line_and_event)
            for _, row in rows[loaded.citizen]
            if row.sealed is not None
        }
        old += lines
        named = next(iter(lines.values()), None)
        gone = going[loaded.citizen]
        for index, row in rows[loaded.citizen]:
            if index in gone:
                del lines[row.batch, row.position]
        old_state = _old_state(loaded, before)
        salts = bytes.fromhex(old_state.salts)
        if erased:
            salts = _salts(old_state, rows[loaded.citizen], task, before.salt_key)
        written = _rebuilt(rows[loaded.citizen], lines, old_state.opaque, gone, rules, after.salt_key, salts)
        written = _with_replaced(written, old_state, loaded, before, erased=erased)
        keep(share, task, loaded, after, written, os.urandom(sealing.NONCE_SIZE))
        for place, (line, _) in lines.items():
            new[place] = sealing.seal(after.data_key, os.urandom(sealing.NONCE_SIZE), line)
        if not lines and named is not None:
            nameless[loaded.citizen] = named[1].citizen.encode()
        changed[loaded.citizen] = before.data_key, after.data_key
        wrapped[loaded.citizen] = sealing.wrap(
            wrap_key, os.urandom(sealing.NONCE_SIZE), loaded.citizen, after
        )
    destruction.seal_anew(connection, old, new, wrapped)
    _seal_beside(connection, changed, going)
    for citizen, name in nameless.items():
        sealed = sealing.seal(changed[citizen][1], os.urandom(sealing.NONCE_SIZE), name)
        destruction.keep_identifier(connection, citizen, sealed)
    return share


def _salts(old: account_state.AccountState, rows: Sequence[Row], task: Task, salt_key: bytes) -> bytes:
    """The salts of all entries that the citizen tree had before this block, joined."""
    earlier = [index for index, row in rows if index is not None and row.batch not in task.first_indices]
    return b"".join(old.event_salt(salt_key, position, index) for position, index in enumerate(earlier))


def _seal_beside(connection: Connection, changed: Mapping[int, tuple[bytes, bytes]], going: Doomed) -> None:
    """What stands in working tables under the old data keys goes over to the new ones, or goes with its item."""
    open_items = disputing.open_items(connection, list(changed))
    for row in destruction.sealed_beside(connection, list(changed)):
        before, after = changed[row.citizen]
        stays = row.table in destruction.STAY_AFTER_ERASURE or (row.citizen, row.item) in open_items
        erased = erasure.REASON in going[row.citizen].values() and not stays
        if erased or row.item in going[row.citizen]:
            destruction.replace_beside(connection, row, None)
            continue
        try:
            plain = sealing.unseal(before, row.sealed)
        except (
            DamagedError
        ):  # not under this key: then it need not change with it, and no block fails over it
            continue
        destruction.replace_beside(
            connection, row, sealing.seal(after, os.urandom(sealing.NONCE_SIZE), plain)
        )


def _events(connection: Connection, task: Task, going: Doomed) -> dict[int, list[Row]]:
    """All events of these citizens with their log indices, those of this block too, in the order of the log."""
    found: dict[int, list[Row]] = {}
    every = state.events_of_citizens(connection, list(going))
    for citizen, rows in groupby(every, key=lambda each: each[0].citizen):
        found[citizen] = []
        for row, placed, _ in rows:
            index = placed
            if row.batch in task.first_indices:
                index = task.first_indices[row.batch] + row.position
            found[citizen].append((index, row))
    return found


def _old_state(loaded: state.LoadedAccount, keys: sealing.CitizenKeys) -> account_state.AccountState:
    """The account that goes."""
    if loaded.sealed is None:
        raise DamagedError(f"Citizen {loaded.citizen} has events in a block and no account.")
    return sealing.read(keys.data_key, loaded.sealed, account_state.decode)


def _with_replaced(
    written: account_state.Written,
    old: account_state.AccountState,
    loaded: state.LoadedAccount,
    keys: sealing.CitizenKeys,
    *,
    erased: bool,
) -> account_state.Written:
    """The new account with what a transition proof has to show of the old one."""
    assert loaded.block is not None, "a version has its block"
    disclosures = old.disclosures(keys.salt_key, loaded.block)
    digests = dict(zip(account.NAMES, map(account.digest, disclosures), strict=True))
    salts = b"".join(account.salts(keys.salt_key, loaded.block)[:2]) if erased else b""
    replaced = account_state.Replaced(
        digests["file"].hex(), digests["flags"].hex(), digests["receipt"].hex(), old.score, salts.hex()
    )
    state_now = msgspec.structs.replace(written.state, replaced=replaced)
    return account_state.Written(state_now, written.until, written.scored)


def _rebuilt(  # noqa: PLR0917 - one account's share
    rows: Sequence[Row],
    lines: Mapping[destruction.Place, tuple[bytes, Event]],
    before: Sequence[Opaque],
    gone: Mapping[int, str],
    rules: Rules,
    salt_key: bytes,
    salts: bytes,
) -> account_state.Written:
    placed = [(index, row) for index, row in rows if index is not None]
    opaque = [
        Opaque(position, gone[index], rules.day)
        for position, (index, _) in enumerate(placed)
        if index in gone
    ]
    leaves = [(index, merkle.leaf_hash(entries.event_entry(row.commitment))) for index, row in placed]
    surviving = [
        (index, lines[row.batch, row.position][1])
        for index, row in placed
        if (row.batch, row.position) in lines
    ]
    return account_state.rebuild(leaves, surviving, sorted([*before, *opaque]), rules, salt_key, salts)
