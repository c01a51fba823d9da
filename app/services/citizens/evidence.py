"""What a citizen writes and hands in before a dispute is filed, and what was handed in with it.

    save(bureau, citizen, item, Draft("wrong_amount", "I paid 500."))
    add_file(bureau, citizen, item, "letter.pdf", data)
    bundle(bureau, citizen, item)        # the hash that goes into the event; `None` without files

All of it is sealed under the citizen's data key, so that erasing the key erases it; a file under a key of its own, and that
under the data key, so that sweeping it out destroys it alone: no old backup of the file opens once its key is gone (R14;
docs/decisions/0011). The event `dispute_opened` names the files by one hash (`core.reporting.evidence`); once it is stored
they stay until `KEPT_DAYS` behind the end of their dispute. A draft that nobody goes on with is forgotten after a day.
"""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from app.core.errors import ConflictError, RuleError
from app.core.reporting.evidence import FILES_MAX, bundle_hash, sniffed
from app.core.state import sealing
from app.db import disputing
from app.services.citizens.links import hold, person_by_id

if TYPE_CHECKING:
    from app.core.reporting.evidence import EvidenceFile
    from app.db.disputing import StoredFile
    from app.db.session import Connection
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

DRAFT_S: Final = 86_400
KEPT_DAYS: Final = 183
NAME_MAX: Final = 100
UNFILED_MAX: Final = 25
"""Files of all of a citizen's drafts together: what is kept for nothing yet must not fill the disk."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What is wrong (a ground of section 2), and the citizen's own words; either may be empty still."""

    ground: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file with what is known of it; `name` is what the citizen's machine called it."""

    number: int
    name: str
    known: EvidenceFile
    data: bytes


def save(bureau: Bureau, citizen_id: int, item: int, draft: Draft) -> None:
    """Keep what was written so far."""
    plain = orjson.dumps({"ground": draft.ground, "text": draft.text})
    with bureau.transaction() as connection:
        person = hold(bureau, connection, citizen_id)
        disputing.save_draft(connection, person.id, item, bureau.now(), _sealed(person, plain))


def draft(bureau: Bureau, citizen_id: int, item: int) -> Draft:
    """What was written so far."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        sealed = disputing.draft(connection, person.id, item)
    if sealed is None:
        return Draft()
    return Draft(**orjson.loads(sealing.unseal(person.data_key, sealed)))


def add_file(bureau: Bureau, citizen_id: int, item: int, name: str, data: bytes) -> None:
    """One more file of a draft. FormatError for a size or type that is not taken, RuleError for one too many."""
    known = sniffed(data)
    shown = "".join(char for char in name if char.isprintable())[-NAME_MAX:] or "file"
    with bureau.transaction() as connection:
        person = hold(bureau, connection, citizen_id)
        there = _of_draft(disputing.files(connection, person.id, item))
        if len(there) >= FILES_MAX:
            raise RuleError(f"a dispute takes {FILES_MAX} files", code="evidence-count")
        if disputing.count_unfiled(connection, person.id) >= UNFILED_MAX:
            raise RuleError(f"all drafts together take {UNFILED_MAX} files", code="evidence-many")
        if any(each.known == known for each in _opened(person, there)):
            raise ConflictError("this file is there already", code="evidence-twice")
        key = os.urandom(sealing.KEY_SIZE)
        body = sealing.seal(key, os.urandom(sealing.NONCE_SIZE), shown.encode() + b"\n" + data)
        disputing.add_file(connection, person.id, item, bureau.now(), _sealed(person, key), body)


def remove_file(bureau: Bureau, citizen_id: int, item: int, number: int) -> None:
    """Take a file out of a draft."""
    with bureau.transaction() as connection:
        disputing.remove_file(connection, citizen_id, item, number)


def files_of_draft(bureau: Bureau, citizen_id: int, item: int) -> list[OpenedFile]:
    """The files of a draft."""
    with bureau.moment() as connection:
        person = person_by_id(bureau, connection, citizen_id)
        return _opened(person, _of_draft(disputing.files(connection, person.id, item)))


def bundle(bureau: Bureau, citizen_id: int, item: int) -> bytes | None:
    """The hash of the files of a draft as they are now; the event that names it keeps them."""
    with bureau.transaction() as connection:
        person = hold(bureau, connection, citizen_id)
        opened = _opened(person, _of_draft(disputing.files(connection, person.id, item)))
        if not opened:
            return None
        found = bundle_hash([each.known for each in opened])
        disputing.bundle_files(connection, person.id, item, found)
        return found


def filed(connection: Connection, person: Person, item: int) -> dict[bytes, list[OpenedFile]]:
    """What was handed in about an item, by the hash in the event."""
    found: dict[bytes, list[OpenedFile]] = {}
    for each in disputing.files(connection, person.id, item):
        if each.filed and each.bundle is not None:
            found.setdefault(each.bundle, []).extend(_opened(person, [each]))
    return found


def sweep(bureau: Bureau) -> int:
    """Forget drafts that nobody goes on with, and files of disputes that ended long ago; how many rows that were."""
    now = bureau.now()
    closed_before = bureau.local_day(now) - dt.timedelta(days=KEPT_DAYS)
    with bureau.transaction() as connection:
        swept = disputing.sweep_drafts(connection, now - dt.timedelta(seconds=DRAFT_S))
        return swept + disputing.sweep_evidence(connection, closed_before)


def _sealed(person: Person, plain: bytes) -> bytes:
    return sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), plain)


def _of_draft(files: list[StoredFile]) -> list[StoredFile]:
    return [each for each in files if not each.filed]


def _opened(person: Person, files: list[StoredFile]) -> list[OpenedFile]:
    opened = []
    for each in files:
        key = sealing.unseal(person.data_key, each.sealed_key)
        name, _, data = sealing.unseal(key, each.body).partition(b"\n")
        opened.append(OpenedFile(each.number, name.decode(), sniffed(data), data))
    return opened
