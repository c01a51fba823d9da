"""A transition checked, account by account: the auditor's state before a block and its record in, the state after it out.

    log       entries, signatures, receipts, block, checkpoint                                   growth
    accounts  each one opened, recomputed and compared, by the page as the lines come in         accounts
    trie      the multiproof leads the old values to the old root and the new ones to the new    trie_multiproof
    nothing   is left over: no event, no entry to be destroyed, no account that is due

Only the block is in memory, and some pages of accounts at a time: never the ledger, and never all accounts, even when a
new scorecard writes all of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from app.core.errors import FormatError, ProofError
from app.core.fields import format_day
from app.core.proving.transition import accounts, form, growth
from app.core.proving.transition.pieces import KeysShown, gathered
from app.core.scoring.profiles import PROFILES, fold_version
from app.core.state import trie_multiproof
from app.core.state.account_state import Rules
from app.core.state.trie import EMPTY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from app.core.proving.transition.auditor import AuditorState
    from app.core.proving.transition.growth import Grown
    from app.core.proving.transition.pieces import InOrder
    from app.core.state.trie_multiproof import Change


PAGE_BYTES: Final = 1 << 20


class Checker:
    """Checks transitions, one after the other; `in_order` says who works at the pieces of one."""

    def __init__(self, in_order: InOrder = map) -> None:
        self._in_order = in_order
        self._keys = KeysShown()

    def __call__(self, previous: AuditorState, lines: Iterable[bytes]) -> AuditorState:
        """The state after the block whose transition these lines are.

        Raises FormatError, SignatureError, RuleError or ProofError when anything does not hold; then nothing may be cosigned.
        """
        record = iter(lines)
        first = next(record, None)
        if first is None:
            raise FormatError("a transition has at least one line")
        head = form.decode_head(first)
        grown = growth.grow(previous, head, self._in_order)
        count = _Count(previous, grown, head.accounts, self._keys)
        pages = self._in_order(partial(accounts.check_page, count.asked), count.pages(record))
        applied = trie_multiproof.apply(head.trie, count.changes(chain.from_iterable(pages)))
        _check_trie(previous, grown, applied, count.rewritten)
        count.finish()
        return replace(grown.state, until=dict(sorted(count.until.items())))


class _Count:
    """Goes through the accounts: what each of them accounts for, and how many stand until which day."""

    def __init__(self, previous: AuditorState, grown: Grown, accounts_said: int, keys: KeysShown) -> None:
        block, card = grown.block, grown.state.card
        assert card is not None, "a block has its card"
        switched = previous.block is not None and previous.block.scorecard != block.scorecard
        profile = PROFILES[grown.state.genesis.profile]
        self.rules = Rules(format_day(block.as_of), card, profile, fold_version(block.rules, profile))
        self.asked = accounts.Asked(self.rules, switched, grown.state.genesis.origin, block.vrf)
        self.until = Counter(previous.until)
        self.rewritten = 0
        self._events, self._doomed = grown.events, grown.doomed
        self._keys = keys
        self._said = accounts_said

    def pages(self, lines: Iterator[bytes]) -> Iterator[accounts.Page]:
        """The accounts, some at a time. What one of them names is its own from here on, and missing for all others."""
        return map(self._page, gathered(self._lines(lines), len, PAGE_BYTES))

    def _lines(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        for _ in range(self._said):
            line = next(lines, None)
            if line is None:
                raise FormatError("a transition has fewer accounts than it says: was it cut short?")
            yield line
        if next(lines, None) is not None:
            raise FormatError("a transition has more accounts than it says")

    def _page(self, lines: list[bytes]) -> accounts.Page:
        page = accounts.Page(lines, {}, {}, set())
        keys = []
        for line in lines:
            named = form.decode_named(line)
            keys.append(named.key)
            for index, _, _ in named.events:
                if index in self._events:
                    page.events[index] = self._events.pop(index)
            for index, _, _ in named.history or ():
                if index in self._doomed:
                    page.doomed[index] = self._doomed.pop(index)
        page.shown.update(self._keys.of(keys))
        return page

    def changes(self, checked: Iterable[accounts.Checked]) -> Iterator[Change]:
        for each in checked:
            if each.until_before:
                self._leave(each.until_before)
            self.until[each.until] += 1
            self.rewritten += each.change.old is not None
            if each.shown is not None:
                self._keys.add(each.shown)
            yield each.change

    def _leave(self, until: str) -> None:
        if self.until[until] < 1:
            raise ProofError(f"an account is said to have stood until {until}, and none did")
        self.until[until] -= 1
        if not self.until[until]:
            del self.until[until]

    def finish(self) -> None:
        """Nobody is left out."""
        if self._events:
            index = min(self._events)
            raise ProofError(
                f"{len(self._events):,} events are in no account, the first is at log index {index:,}"
            )
        if self._doomed:
            index = min(self._doomed)
            raise ProofError(f"a notice destroys log index {index:,}, and no account lost it")
        due = sum(count for until, count in self.until.items() if until <= self.rules.day)
        if due:
            raise ProofError(
                f"{due:,} accounts were left out that had to be scored again on {self.rules.day}"
            )


def check(previous: AuditorState, lines: Iterable[bytes]) -> AuditorState:
    """One transition by itself: one piece after the other, in this process. Whoever checks many keeps a `Checker`."""
    return Checker()(previous, lines)


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
