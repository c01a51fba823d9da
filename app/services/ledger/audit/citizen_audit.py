"""One citizen, replayed: events against commitments and rules, then the account (`account_audit`).

Nothing is asked of the database here: a record and the facts of batches and blocks go in, findings and trie leaves
come out, so that pages of citizens can be replayed by as many processes as there are.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from msgspec import Struct

from app.core.errors import CredenceError
from app.core.log import entries, merkle
from app.core.months import LAST_DAY
from app.core.reporting import events
from app.core.reporting.assertions import UNKNOWN_PASSKEY, Passkeys
from app.core.scoring.profiles import PROFILES
from app.core.state import erasure, vrf
from app.services.ledger.audit.account_audit import (
    AccountReplay,
    Facts,
    Leaf,
    Opened,
    Versions,
    stored_leaves,
)
from app.services.ledger.audit.destroyed import check_announced
from app.services.ledger.audit.findings import Finding
from app.services.ledger.audit.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.services.ledger.audit.records import CitizenRecord, EventRecord


class Unexplained(Struct, frozen=True):
    """Bodies that no notice of the replayed log explains, of a citizen who has a version from after it."""

    log_indices: list[int]
    findings: list[Finding]


class Replayed(Struct):
    """What citizens gave, and the events seen per batch."""

    findings: list[Finding] = []
    leaves: list[Leaf] = []
    events_by_batch: dict[int, int] = {}
    keys: list[bytes] = []
    versions: int = 0
    opaque_events: int = 0
    opaque_versions: int = 0
    opaque_citizens: int = 0
    unexplained: list[Unexplained] = []

    @property
    def citizens(self) -> int:
        """How many that were."""
        return len(self.keys)


class CitizenReplay:
    """Replays citizens one by one."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.days = [block.day for block in facts.blocks]
        self.accounts = AccountReplay(facts)
        self.made = Replayed()
        self._missing: dict[int, Finding] = {}  # of one citizen, by log index

    def page(self, records: Sequence[CitizenRecord]) -> Replayed:
        """Replay a page."""
        for record in records:
            self.made.keys.append(record.key)
            self.made.versions += len(record.versions)
            try:
                self._citizen(record)
            except Exception as error:  # noqa: BLE001 - whatever damage does to the replay is a finding
                self._found(
                    "citizens", f"citizen {record.id}", f"cannot be replayed: {type(error).__name__}: {error}"
                )
        return self.made

    def _found(self, table: str, place: str, what: str) -> None:
        self.made.findings.append(Finding(table, place, what))

    def _citizen(self, record: CitizenRecord) -> None:
        if record.salt_key is None:
            self._found("citizen_keys", f"citizen {record.id}", record.why)
        self._check_rows(record)
        # batches that came after the log was replayed are left to the next audit
        known = [event for event in record.events if event.batch in self.facts.batches]
        self._missing = {}
        placed = [self._event(event) for event in known]
        readable = [event for event in placed if event is not None]
        readable.sort(key=lambda opened: opened.log_index)
        if self._missing:
            self._say_missing(record)
        if len(readable) == len(placed) and record.salt_key is not None:
            self._check_key(record, readable)
            self._check_announced(readable)
            self._check_erasures(readable)
            self._check_assertions(readable)
            versions = self.accounts.replay(record, record.salt_key, readable)
            if versions is not None:
                self._take(versions, sum(opened.event is None for opened in readable))
                return
        # what cannot be read was found elsewhere; the stored values stand in, so that the trie is still checked
        self.made.leaves += stored_leaves(record, len(self.days))

    def _take(self, versions: Versions, opaque_events: int) -> None:
        self.made.findings += versions.findings
        self.made.leaves += versions.leaves
        self.made.opaque_versions += versions.opaque
        self.made.opaque_events += opaque_events
        self.made.opaque_citizens += opaque_events > 0

    def _check_rows(self, record: CitizenRecord) -> None:
        """Who has reports is enrolled, and has a citizen key from the first block on."""
        place = f"citizen {record.id}"
        if record.misfiled:
            self._found("enrolments", place, record.misfiled)
        if not record.events:
            table = "citizens" if record.key else "enrolments"
            self._found(table, place, "has a file, and nothing in the ledger makes one")
        elif bool(record.key) != bool(record.versions):
            what = "no block has taken the citizen in" if record.key else "is missing"
            self._found("citizens", place, what)

    def _say_missing(self, record: CitizenRecord) -> None:
        """Bodies that nothing explains; if the citizen has a version from after the replayed log, a later notice may."""
        findings = list(self._missing.values())
        if any(version.block >= len(self.days) for version in record.versions):
            self.made.unexplained.append(Unexplained(sorted(self._missing), findings))
        else:
            self.made.findings += findings

    def _event(self, event: EventRecord) -> Opened | None:
        """The event, or None when it cannot be read."""
        place = f"batch {event.batch} position {event.position}"
        seen = self.made.events_by_batch
        seen[event.batch] = seen.get(event.batch, 0) + 1
        batch = self.facts.batches[event.batch]
        index = batch.first_event_index + event.position
        leaf = merkle.leaf_hash(entries.event_entry(event.commitment))
        destruction = self.facts.destroyed.get(index)
        if destruction is not None:
            if event.why != MISSING:
                what = f"block {destruction.block} was to destroy it, and it is still there"
                self._found("event_bodies", place, what)
            return Opened(event.batch, batch.block, index, leaf, None)
        if event.line is None:
            self._missing[index] = Finding("event_bodies", place, event.why)
            return None
        if sha256(event.line).digest() != event.commitment:
            self._found("events", place, "commitment is not the hash of the event's bytes")
            return None
        header = events.Header(
            self.facts.genesis.origin,
            event.furnisher if batch.furnisher is None else batch.furnisher,
            self.facts.genesis.scheme,
            batch.admission_day or LAST_DAY,
            self.facts.genesis.utc_offset_minutes,
        )
        try:
            decoded = events.decode_event(event.line, header)
        except CredenceError as error:
            self._found("events", place, f"was admitted against the rules: {error.detail}")
            return None
        if batch.roles and not events.ROLES_BY_TYPE[events.type_of(decoded)] & set(batch.roles):
            self._found(
                "events",
                place,
                f"a key of role {', '.join(batch.roles)} may not report {events.type_of(decoded)} (R4)",
            )
        if decoded.id != event.event_id:
            self._found("events", place, f"event_id is {event.event_id}, the event says {decoded.id}")
        if batch.furnisher not in (event.furnisher, None):
            self._found("events", place, f"furnisher is {event.furnisher}, the batch says {batch.furnisher}")
        return Opened(event.batch, batch.block, index, leaf, decoded)

    def _check_announced(self, placed: Sequence[Opened]) -> None:
        """What a notice will destroy is past its retention."""
        rules = self.accounts.rules(len(self.days) - 1) if self.facts.announced and self.days else None
        if rules is not None:
            history = [(e.admission, e.log_index, e.event) for e in placed if e.event is not None]
            self.made.findings += check_announced(
                history, self.facts.announced, rules.card, self.facts.genesis
            )

    def _check_erasures(self, placed: Sequence[Opened]) -> None:
        """What was erased was asked for, and what was asked for in time was erased (R40)."""
        history = [(e.log_index, e.event) for e in placed if e.event is not None]
        days = PROFILES[self.facts.genesis.profile].erasure_days
        block_of = {e.log_index: e.block for e in placed}
        asked = [(block_of[i], e.day) for i, e in erasure.standing(history)]
        for opened in placed:
            done = self.facts.destroyed.get(opened.log_index)
            if opened.event is not None or done is None or done.reason != erasure.REASON:
                continue
            last = [erasure.last_day(day, days) for block, day in asked if block < done.block]
            if not any(self.days[done.block] <= day for day in last):
                what = (
                    "and the citizen had not asked for it"
                    if not last
                    else f"later than {days} days after it was asked"
                )
                self._found(
                    "notices", f"log index {opened.log_index}", f"block {done.block} erased it, {what} (R40)"
                )
        for index in erasure.overdue(history, self.days[-1], days) if self.days else []:
            what = (
                f"the erasure asked for at log index {index:,} was not carried out within {days} days (R40)"
            )
            self._found("events", f"log index {index}", what)

    def _check_assertions(self, placed: Sequence[Opened]) -> None:
        """What the citizen is said to have signed was signed by a passkey of theirs.

        Where it is one that is not known, and something earlier was erased since, it may have been registered there.
        """
        passkeys, gone = Passkeys(), -1
        for opened in placed:
            if opened.event is None:
                destroyed = self.facts.destroyed[opened.log_index]
                gone = max(gone, destroyed.block if destroyed.reason == erasure.REASON else -1)
                continue
            try:
                passkeys.follow(opened.event)
            except CredenceError as error:
                if error.code != UNKNOWN_PASSKEY or gone < opened.block:
                    what = f"was admitted against the rules: {error.detail}"
                    self._found("events", f"log index {opened.log_index}", what)

    def _check_key(self, record: CitizenRecord, placed: Sequence[Opened]) -> None:
        """All events speak of one citizen, and the key is the VRF's output for that citizen: no second file."""
        identifiers = {opened.event.citizen for opened in placed if opened.event is not None}
        if len(identifiers) > 1:
            self._found(
                "events", f"citizen {record.id}", "events of several citizens are filed under one key"
            )
        for identifier in identifiers:
            if not record.key:
                continue
            alpha = vrf.citizen_alpha(self.facts.genesis.origin, identifier)
            try:
                output = vrf.verify(bytes.fromhex(self.facts.genesis.vrf), alpha, record.vrf_proof)
            except CredenceError as error:
                self._found("citizens", f"citizen {record.id}", f"vrf_proof: {error.detail}")
                continue
            if vrf.citizen_key(output) != record.key:
                self._found(
                    "citizens",
                    f"citizen {record.id}",
                    "key is not the VRF output of the citizen's identifier",
                )
