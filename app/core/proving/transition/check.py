"""A transition checked, account by account: the auditor's state before a block and its record in, the state after it out.

    log       entries, signatures, receipts, block, checkpoint                                   growth
    accounts  each one opened, recomputed and compared, as the lines come in                     accounts
    trie      the multiproof leads the old values to the old root and the new ones to the new    trie_multiproof
    nothing   is left over: no event, no entry to be destroyed, no account that is due

Only the block is in memory, and one account at a time: never the ledger, and never all accounts, even when a new scorecard
writes all of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from app.core.errors import FormatError, ProofError
from app.core.fields import format_day
from app.core.proving.transition import accounts, form, growth
from app.core.scoring.profiles import PROFILES
from app.core.state import trie_multiproof
from app.core.state.account_state import Rules
from app.core.state.trie import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.core.proving.transition.auditor import AuditorState
    from app.core.proving.transition.growth import Grown
    from app.core.state.trie_multiproof import Change


def check(previous: AuditorState, lines: Iterable[bytes]) -> AuditorState:
    """The state after the block whose transition these lines are.

    Raises FormatError, SignatureError, RuleError or ProofError when anything does not hold; then nothing may be cosigned.
    """
    record = iter(lines)
    first = next(record, None)
    if first is None:
        raise FormatError("a transition has at least one line")
    head = form.decode_head(first)
    grown = growth.grow(previous, head)
    count = _Count(previous, grown, head.accounts)
    applied = trie_multiproof.apply(head.trie, count.changes(record))
    _check_trie(previous, grown, applied, count.rewritten)
    count.finish()
    return replace(grown.state, until=dict(sorted(count.until.items())))


class _Count:
    """Goes through the accounts, and keeps how many stand until which day."""

    def __init__(self, previous: AuditorState, grown: Grown, accounts_said: int) -> None:
        block, card = grown.block, grown.state.card
        assert card is not None, "a block has its card"
        switched = previous.block is not None and previous.block.scorecard != block.scorecard
        self.rules = Rules(format_day(block.as_of), card, PROFILES[grown.state.genesis.profile])
        self.asked = accounts.Asked(
            self.rules, switched, grown.events, grown.doomed, grown.state.genesis.origin, block.vrf
        )
        self.until = Counter(previous.until)
        self.rewritten = 0
        self._said = accounts_said

    def changes(self, lines: Iterator[bytes]) -> Iterator[Change]:
        for _ in range(self._said):
            line = next(lines, None)
            if line is None:
                raise FormatError("a transition has fewer accounts than it says: was it cut short?")
            record = form.decode_account(line)
            checked = accounts.check_account(record, self.asked)
            if checked.until_before:
                self._leave(checked.until_before)
            self.until[checked.until] += 1
            self.rewritten += checked.change.old is not None
            yield checked.change
        if next(lines, None) is not None:
            raise FormatError("a transition has more accounts than it says")

    def _leave(self, until: str) -> None:
        if self.until[until] < 1:
            raise ProofError(f"an account is said to have stood until {until}, and none did")
        self.until[until] -= 1
        if not self.until[until]:
            del self.until[until]

    def finish(self) -> None:
        """Nobody is left out."""
        if self.asked.events:
            index = min(self.asked.events)
            raise ProofError(
                f"{len(self.asked.events):,} events are in no account, the first is at log index {index:,}"
            )
        if self.asked.doomed:
            index = min(self.asked.doomed)
            raise ProofError(f"a notice destroys log index {index:,}, and no account lost it")
        due = sum(count for until, count in self.until.items() if until <= self.rules.day)
        if due:
            raise ProofError(
                f"{due:,} accounts were left out that had to be scored again on {self.rules.day}"
            )


def _check_trie(
    previous: AuditorState, grown: Grown, applied: trie_multiproof.Applied, rewritten: int
) -> None:
    before, block = previous.block, grown.block
    old_root, old_count = (EMPTY, 0) if before is None else (before.state, before.accounts)
    if applied.old_root != old_root:
        raise ProofError(f"the old accounts shown are not those of the state before block {block.number}")
    if applied.new_root != block.state:
        raise ProofError(f"the accounts of block {block.number} do not give the state that it signs")
    if old_count + applied.added != block.accounts:
        raise ProofError(
            f"block {block.number} says {block.accounts:,} accounts, and there are {old_count + applied.added:,}"
        )
    if before is not None and before.scorecard != block.scorecard and rewritten != old_count:
        raise ProofError(f"a new scorecard writes all {old_count:,} accounts anew, and {rewritten:,} are")
