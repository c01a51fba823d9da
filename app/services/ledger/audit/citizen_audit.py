"""One citizen, replayed: events against commitments and rules, then every version of the account by fold and score.

Nothing is asked of the database here: a record and the facts of batches and blocks go in, findings and trie leaves
come out, so that pages of citizens can be replayed by as many processes as there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from app.core.errors import CredenceError
from app.core.log import entries, merkle
from app.core.reporting import events
from app.core.reporting.assertions import ERASURE, UNKNOWN_PASSKEY, Passkeys
from app.core.reporting.event_types import Answer
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import parse_card
from app.core.state import account, account_state, erasure, vrf
from app.core.state.account_state import PlacedEvent, Rules
from app.services.ledger.audit.credential_audit import Given, Scored, check_credentials
from app.services.ledger.audit.destroyed import Announced, Destruction, check_announced, opaque_parts
from app.services.ledger.audit.findings import Finding
from app.services.ledger.audit.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.notices import Genesis
    from app.core.reporting.event_base import Event
    from app.core.scoring.scorecard import Card
    from app.services.ledger.audit.batch_audit import BatchFacts
    from app.services.ledger.audit.block_audit import BlockFacts
    from app.services.ledger.audit.records import CitizenRecord, EventRecord, VersionRecord


HASH_SIZE = 32


class Facts(Struct, frozen=True):
    """What the replay of the log established."""

    genesis: Genesis
    batches: dict[int, BatchFacts]
    blocks: list[BlockFacts]
    documents: dict[bytes, bytes]
    destroyed: dict[int, Destruction] = {}
    announced: dict[int, Announced] = {}


class Unexplained(Struct, frozen=True):
    """Bodies that no notice of the replayed log explains, of a citizen who has a version from after it."""

    log_indices: list[int]
    findings: list[Finding]


class Opened(Struct, frozen=True):
    """An event at its place; `event` is None when its plaintext was destroyed, as a notice says."""

    admission: int
    block: int
    log_index: int
    leaf_hash: bytes
    event: Event | None


class Replayed(Struct, frozen=True):
    """What a page of citizens gave: leaves as (block, citizen key, leaf hash), and events seen per batch."""

    findings: list[Finding]
    leaves: list[tuple[int, bytes, bytes]]
    events_by_batch: dict[int, int]
    keys: list[bytes]
    citizens: int
    versions: int
    opaque_events: int
    opaque_versions: int
    opaque_citizens: int
    unexplained: list[Unexplained]


class CitizenReplay:
    """Replays citizens one by one."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.days = [block.day for block in facts.blocks]
        self.switches = [
            after.number for before, after in pairwise(facts.blocks) if before.scorecard != after.scorecard
        ]
        self.cards: dict[bytes, Card | None] = {}
        self.findings: list[Finding] = []
        self.leaves: list[tuple[int, bytes, bytes]] = []
        self.events_by_batch: dict[int, int] = {}
        self.opaque_events = self.opaque_versions = self.opaque_citizens = 0
        self.unexplained: list[Unexplained] = []
        self._missing: dict[int, Finding] = {}  # of one citizen, by log index

    def page(self, records: Sequence[CitizenRecord]) -> Replayed:
        """Replay a page."""
        for record in records:
            try:
                self._citizen(record)
            except Exception as error:  # noqa: BLE001 - whatever damage does to the replay is a finding
                self._found(
                    "citizens", f"citizen {record.id}", f"cannot be replayed: {type(error).__name__}: {error}"
                )
        versions = sum(len(record.versions) for record in records)
        return Replayed(
            self.findings,
            self.leaves,
            self.events_by_batch,
            [record.key for record in records],
            len(records),
            versions,
            self.opaque_events,
            self.opaque_versions,
            self.opaque_citizens,
            self.unexplained,
        )

    def _found(self, table: str, place: str, what: str) -> None:
        self.findings.append(Finding(table, place, what))

    def _citizen(self, record: CitizenRecord) -> None:
        if record.salt_key is None:
            self._found("citizen_keys", f"citizen {record.id}", record.why)
        if not record.events:
            self._found("citizens", f"citizen {record.id}", "has a file, and nothing in the ledger makes one")
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
            if self._replay(record, record.salt_key, readable):
                return
        # what cannot be read was found elsewhere; the stored values stand in, so that the trie is still checked
        for version in record.versions:
            if version.block < len(self.days) and len(version.value) == len(record.key) == HASH_SIZE:
                self.leaves.append((version.block, record.key, account.leaf(record.key, version.value)))

    def _say_missing(self, record: CitizenRecord) -> None:
        """Bodies that nothing explains; if the citizen has a version from after the replayed log, a later notice may."""
        findings = list(self._missing.values())
        if any(version.block >= len(self.days) for version in record.versions):
            self.unexplained.append(Unexplained(sorted(self._missing), findings))
        else:
            self.findings += findings

    def _event(self, event: EventRecord) -> Opened | None:
        """The event, or None when it cannot be read."""
        place = f"batch {event.batch} position {event.position}"
        self.events_by_batch[event.batch] = self.events_by_batch.get(event.batch, 0) + 1
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
            batch.admission_day or events.LAST_DAY,
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
        rules = self._rules(len(self.days) - 1) if self.facts.announced and self.days else None
        if rules is not None:
            history = [(e.admission, e.log_index, e.event) for e in placed if e.event is not None]
            self.findings += check_announced(history, self.facts.announced, rules.card, self.facts.genesis)

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
                gone = max(gone, destroyed.block if destroyed.reason == ERASURE else -1)
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

    def _replay(self, record: CitizenRecord, salt_key: bytes, placed: Sequence[Opened]) -> bool:
        """Every block that has to write this account, in order, against the versions that are stored.

        False when a scorecard is missing, so that nothing can be replayed.
        """
        stored = {version.block: version for version in record.versions if version.block < len(self.days)}
        last = max((self.facts.destroyed[e.log_index].block for e in placed if e.event is None), default=-1)
        waiting = sorted({opened.block for opened in placed} | self._destroying(placed))
        state: account_state.AccountState | None = None
        number, until = -1, ""
        found, leaves = len(self.findings), len(self.leaves)
        scored: list[Scored] = []
        while True:
            number = min(waiting[0] if waiting else len(self.days), self._again(number, until))
            if number >= len(self.days):
                break
            if waiting and waiting[0] == number:
                waiting.pop(0)
            version = stored.pop(number, None)
            if number < last:
                until = self._stand_in(record, number, version)
                scored.append(Scored(number, None))
                continue
            rules = self._rules(number)
            if rules is None:
                del self.findings[found:], self.leaves[leaves:]
                return False
            if number == last:
                written = self._rebuilt(placed, number, rules, salt_key, _kept_salts(version))
            else:
                upto = partial(_history, placed, number)
                written = account_state.advance(state, _new(placed, number), rules, salt_key, upto)
            state, until = written.state, written.until
            scored.append(Scored(number, bytes(state.score)))
            value = state.account_value(salt_key, number)
            self.leaves.append((number, record.key, account.leaf(record.key, value)))
            self._compare(record, number, value, written, version)
        for block in stored:
            self._found(
                "accounts", f"citizen {record.id} block {block}", "nothing in the ledger makes this version"
            )
        self.opaque_events += sum(opened.event is None for opened in placed)
        self.opaque_citizens += last >= 0
        self.findings += check_credentials(
            _given(placed),
            scored,
            self.facts.blocks,
            origin=self.facts.genesis.origin,
            key=record.key,
            salt_key=salt_key,
            salted_since=self._salted_since(placed),
        )
        return True

    def _salted_since(self, placed: Sequence[Opened]) -> int:
        """The block from which on the salt key is what it is: an erasure destroys the one before."""
        gone = [self.facts.destroyed[opened.log_index] for opened in placed if opened.event is None]
        return max((each.block for each in gone if each.reason == erasure.REASON), default=0)

    def _destroying(self, placed: Sequence[Opened]) -> set[int]:
        """The blocks that destroyed something of this citizen's."""
        return {self.facts.destroyed[opened.log_index].block for opened in placed if opened.event is None}

    def _stand_in(self, record: CitizenRecord, number: int, version: VersionRecord | None) -> str:
        """A version whose plaintext a later block destroyed: its value stands in. The day until which it says it stands."""
        place = f"citizen {record.id} block {number}"
        if version is None:
            self._found("accounts", place, "this version is missing")
            return ""
        if version.why != MISSING:
            self._found(
                "account_bodies", place, "was to be destroyed with what was in it, and is still there"
            )
        self.opaque_versions += 1
        if len(version.value) == len(record.key) == HASH_SIZE:
            self.leaves.append((number, record.key, account.leaf(record.key, version.value)))
        else:
            self._found("accounts", place, "value is no hash")
        return version.until

    def _rebuilt(
        self, placed: Sequence[Opened], number: int, rules: Rules, salt_key: bytes, salts: bytes
    ) -> account_state.Written:
        """The account at the last block that destroyed something: of what is left."""
        upto = [opened for opened in placed if opened.block <= number]
        opaque = opaque_parts([opened.log_index for opened in upto], self.facts.destroyed, self.days)
        leaves = [(opened.log_index, opened.leaf_hash) for opened in upto]
        return account_state.rebuild(leaves, _history(placed, number), opaque, rules, salt_key, salts)

    def _again(self, written: int, until: str) -> int:
        """The block that has to score an account again without news: its `until` has come, or the scorecard changed."""
        if not until:
            return len(self.days)
        switch = bisect_right(self.switches, written)
        switched = self.switches[switch] if switch < len(self.switches) else len(self.days)
        return min(bisect_left(self.days, until), switched)

    def _compare(
        self,
        record: CitizenRecord,
        block: int,
        value: bytes,
        written: account_state.Written,
        version: VersionRecord | None,
    ) -> None:
        place = f"citizen {record.id} block {block}"
        if version is None:
            switched = "; its scorecard is new, so every account is scored again" * (block in self.switches)
            self._found("accounts", place, f"this version is missing{switched}")
            return
        if version.state is None:
            self._found("account_bodies", place, version.why)
        elif _without_replaced(version.state) != account_state.encode(written.state):
            self._found("account_bodies", place, _difference(version.state, written.state))
        if version.value != value:
            self._found("accounts", place, f"value is {version.value.hex()}, and {value.hex()} by the replay")
        if version.until != written.until:
            self._found("accounts", place, f"until is {version.until}, and {written.until} by the replay")

    def _rules(self, block: int) -> Rules | None:
        facts = self.facts.blocks[block]
        if facts.scorecard not in self.cards:
            try:
                self.cards[facts.scorecard] = parse_card(self.facts.documents.get(facts.scorecard, b""))
            except CredenceError:  # a document that is missing or damaged was found with the log
                self.cards[facts.scorecard] = None
        card = self.cards[facts.scorecard]
        return None if card is None else Rules(facts.day, card, PROFILES[self.facts.genesis.profile])


def _kept_salts(version: VersionRecord | None) -> bytes:
    """What a version keeps of salts whose key was destroyed. Whether they are right shows in the citizen tree's root."""
    if version is None or version.state is None:
        return b""
    try:
        return bytes.fromhex(account_state.decode(version.state).salts)
    except (CredenceError, ValueError):  # a damaged state is found when it is compared
        return b""


def _new(placed: Sequence[Opened], block: int) -> list[PlacedEvent]:
    """The events that a block takes in. None is opaque: an event is destroyed by a later block, and then rebuilt."""
    return [
        PlacedEvent(opened.log_index, opened.leaf_hash, opened.event)
        for opened in placed
        if opened.block == block and opened.event is not None
    ]


def _given(placed: Sequence[Opened]) -> list[Given]:
    """The range credentials among a citizen's events."""
    return [
        Given(f"log index {opened.log_index}", opened.block, opened.event, opened.event.range)
        for opened in placed
        if isinstance(opened.event, Answer) and opened.event.range is not None
    ]


def _history(placed: Sequence[Opened], block: int) -> list[tuple[int, Event]]:
    """All events up to a block that can be read, with their log indices."""
    return [(e.log_index, e.event) for e in placed if e.block <= block and e.event is not None]


def _without_replaced(stored: bytes) -> bytes:
    """A state without what it keeps of the version that a destruction took: transition proofs show that it is right."""
    if b'"replaced":' not in stored:
        return stored
    try:
        return account_state.encode(msgspec.structs.replace(account_state.decode(stored), replaced=None))
    except CredenceError:
        return stored


def _difference(stored: bytes, replayed: account_state.AccountState) -> str:
    """Which disclosures of a stored state are not what the replay gives."""
    try:
        state = account_state.decode(stored)
    except CredenceError as error:
        return error.detail
    names = [n for n, a, b in zip(account.NAMES, state.values(), replayed.values(), strict=True) if a != b]
    return f"{', '.join(names) or 'frontier'} is not what the events fold to"
