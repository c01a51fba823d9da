"""What an audit reads, as records: rows as they are stored, opened where the reader has the keys, nothing judged.

The same records travel as JSON from a running service to a regulator (`wire`), bytes in base64.
"""

from __future__ import annotations

from msgspec import Struct

MISSING = "the sealed body is missing"
"""Why nothing could be opened where there is no row at all."""


class BlockRecord(Struct, frozen=True):
    """A block as stored; `published` is the checkpoint that readers get, None while unpublished."""

    number: int
    tree_size: int
    root: bytes
    entry: bytes
    checkpoint: str
    published: str | None


class AdmissionRecord(Struct, frozen=True):
    """A batch or a notice; `first_index` is None while no block holds it.

    Of a notice only `payload` is there, of a batch everything else. A row that is missing leaves all of it None.
    """

    admission: int
    first_index: int | None
    furnisher: str | None
    batch_id: str | None
    hash: bytes | None
    event_count: int | None
    note: str | None
    receipt: str | None
    payload: bytes | None


class Waiting(Struct, frozen=True):
    """What is admitted and in no block yet, in admission order; no admission id above `drawn` was ever given out."""

    drawn: int
    admissions: list[AdmissionRecord]


class Head(Struct, frozen=True):
    """The copy of the last signed head outside the database, read after `published`, the newest published block.

    `note` is None when there is no copy; `kept` says whether the reader is where one is kept.
    """

    published: int
    note: bytes | None
    kept: bool


class Edge(Struct, frozen=True):
    """The partial tile of each level, as the block `block` (-1: none) left them: level -> (tile index, data)."""

    block: int
    tiles: dict[int, tuple[int, bytes]]


class EventRecord(Struct, frozen=True):
    """One event; `line` is None when its body is missing or does not open (`why` says which)."""

    batch: int
    position: int
    furnisher: str
    event_id: str
    commitment: bytes
    line: bytes | None
    why: str = ""


class VersionRecord(Struct, frozen=True):
    """One account version; `state` is None when its body is missing or does not open."""

    block: int
    value: bytes
    until: str
    state: bytes | None
    why: str = ""


class CitizenRecord(Struct, frozen=True):
    """One citizen with everything of theirs; `key` and `vrf_proof` are empty while no block has taken the citizen in,
    `salt_key` is None when the wrapped keys are missing or do not open. `misfiled` says what is wrong with the enrolment:
    only who has the wrapping key can tell.
    """

    id: int
    key: bytes
    vrf_proof: bytes
    salt_key: bytes | None
    why: str
    events: list[EventRecord]
    versions: list[VersionRecord]
    misfiled: str = ""


class Totals(Struct, frozen=True):
    """How much there is to replay, for a progress bar; taken from what the rows say of themselves."""

    events: int
    citizens: int
