"""A citizen's account, replayed: every version that has to be, by fold and score, against those that are stored.

A block has to write an account when it takes in or destroys an event of its citizen, when the account's `until` has come, and
when the scorecard is new. What was before the last block that destroyed something cannot be worked out: stored values stand
in (`destroyed`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from app.core.errors import CredenceError
from app.core.reporting.event_types import Answer
from app.core.scoring.profiles import FOLD_VERSION, PROFILES, fold_version
from app.core.scoring.scorecard import parse_card
from app.core.state import account, account_state, erasure
from app.core.state.account_state import PlacedEvent, Rules
from app.services.ledger.audit.credential_audit import Given, Scored, check_credentials
from app.services.ledger.audit.destroyed import Announced, Destruction, opaque_parts
from app.services.ledger.audit.findings import Finding
from app.services.ledger.audit.records import MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.log.notices import Genesis
    from app.core.reporting.event_base import Event
    from app.core.scoring.scorecard import Card
    from app.services.ledger.audit.batch_audit import BatchFacts
    from app.services.ledger.audit.block_audit import BlockFacts
    from app.services.ledger.audit.records import CitizenRecord, VersionRecord

HASH_SIZE = 32
Leaf = tuple[int, bytes, bytes]  # (block, citizen key, leaf hash)


class Facts(Struct, frozen=True):
    """What the replay of the log established."""

    genesis: Genesis
    batches: dict[int, BatchFacts]
    blocks: list[BlockFacts]
    documents: dict[bytes, bytes]
    destroyed: dict[int, Destruction] = {}
    announced: dict[int, Announced] = {}


class Opened(Struct, frozen=True):
    """An event at its place; `event` is None when its plaintext was destroyed, as a notice says."""

    admission: int
    block: int
    log_index: int
    leaf_hash: bytes
    event: Event | None


class Versions(Struct):
    """What the versions of one account gave; `opaque` of them stand in for what was destroyed."""

    findings: list[Finding] = []
    leaves: list[Leaf] = []
    opaque: int = 0


class AccountReplay:
    """Replays accounts one by one."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.days = [block.day for block in facts.blocks]
        self._switches = [
            after.number for before, after in pairwise(facts.blocks) if before.scorecard != after.scorecard
        ]
        self._cards: dict[bytes, Card | None] = {}

    def rules(self, block: int) -> Rules | None:
        """By what a block had to score; None when its scorecard is missing or damaged, which was found with the log."""
        facts = self.facts.blocks[block]
        if facts.scorecard not in self._cards:
            try:
                self._cards[facts.scorecard] = parse_card(self.facts.documents.get(facts.scorecard, b""))
            except CredenceError:
                self._cards[facts.scorecard] = None
        card = self._cards[facts.scorecard]
        if card is None:
            return None
        profile = PROFILES[self.facts.genesis.profile]
        return Rules(facts.day, card, profile, fold_version(facts.rules, profile) or FOLD_VERSION)

    def replay(self, record: CitizenRecord, salt_key: bytes, placed: Sequence[Opened]) -> Versions | None:
        """Every block that has to write this account, in order, against the versions that are stored.

        None when a scorecard is missing, so that nothing can be replayed.
        """
        stored = {version.block: version for version in record.versions if version.block < len(self.days)}
        gone = [self.facts.destroyed[opened.log_index] for opened in placed if opened.event is None]
        last = max((each.block for each in gone), default=-1)
        waiting = sorted({opened.block for opened in placed} | {each.block for each in gone})
        made = Versions()
        scored: list[Scored] = []
        state: account_state.AccountState | None = None
        number, until = -1, ""
        while True:
            number = min(waiting[0] if waiting else len(self.days), self._again(number, until))
            if number >= len(self.days):
                break
            if waiting and waiting[0] == number:
                waiting.pop(0)
            version = stored.pop(number, None)
            if number < last:
                until = _stand_in(made, record, number, version)
                scored.append(Scored(number, None))
                continue
            rules = self.rules(number)
            if rules is None:
                return None
            if number == last:
                written = self._rebuilt(placed, number, rules, salt_key, _kept_salts(version))
            else:
                upto = partial(_history, placed, number)
                written = account_state.advance(state, _new(placed, number), rules, salt_key, upto)
            state, until = written.state, written.until
            scored.append(Scored(number, bytes(state.score)))
            value = state.account_value(salt_key, number)
            if len(record.key) == HASH_SIZE:
                made.leaves.append((number, record.key, account.leaf(record.key, value)))
            self._compare(made, record, number, value, written, version)
        made.findings += [
            Finding("accounts", _place(record, block), "nothing in the ledger makes this version")
            for block in stored
        ]
        made.findings += check_credentials(
            _given(placed),
            scored,
            self.facts.blocks,
            origin=self.facts.genesis.origin,
            key=record.key,
            salt_key=salt_key,
            salted_since=max((each.block for each in gone if each.reason == erasure.REASON), default=0),
        )
        return made

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
        switch = bisect_right(self._switches, written)
        switched = self._switches[switch] if switch < len(self._switches) else len(self.days)
        return min(bisect_left(self.days, until), switched)

    def _compare(  # noqa: PLR0917 - a version, as it should be and as it is stored
        self,
        made: Versions,
        record: CitizenRecord,
        block: int,
        value: bytes,
        written: account_state.Written,
        version: VersionRecord | None,
    ) -> None:
        place, findings = _place(record, block), made.findings
        if version is None:
            switched = "; its scorecard is new, so every account is scored again" * (block in self._switches)
            findings.append(Finding("accounts", place, f"this version is missing{switched}"))
            return
        if version.state is None:
            findings.append(Finding("account_bodies", place, version.why))
        elif _without_replaced(version.state) != account_state.encode(written.state):
            findings.append(Finding("account_bodies", place, _difference(version.state, written.state)))
        if version.value != value:
            what = f"value is {version.value.hex()}, and {value.hex()} by the replay"
            findings.append(Finding("accounts", place, what))
        if version.until != written.until:
            what = f"until is {version.until}, and {written.until} by the replay"
            findings.append(Finding("accounts", place, what))


def stored_leaves(record: CitizenRecord, blocks: int) -> list[Leaf]:
    """The leaves of the stored values, as they are."""
    return [
        (version.block, record.key, account.leaf(record.key, version.value))
        for version in record.versions
        if version.block < blocks and len(version.value) == len(record.key) == HASH_SIZE
    ]


def _place(record: CitizenRecord, block: int) -> str:
    return f"citizen {record.id} block {block}"


def _stand_in(made: Versions, record: CitizenRecord, number: int, version: VersionRecord | None) -> str:
    """A version whose plaintext a later block destroyed: its value stands in. The day until which it says it stands."""
    place = _place(record, number)
    if version is None:
        made.findings.append(Finding("accounts", place, "this version is missing"))
        return ""
    if version.why != MISSING:
        what = "was to be destroyed with what was in it, and is still there"
        made.findings.append(Finding("account_bodies", place, what))
    made.opaque += 1
    if len(version.value) == len(record.key) == HASH_SIZE:
        made.leaves.append((number, record.key, account.leaf(record.key, version.value)))
    else:
        made.findings.append(Finding("accounts", place, "value is no hash"))
    return version.until


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
