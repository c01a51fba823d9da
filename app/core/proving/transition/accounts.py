"""One account that a block writes, checked: its old state is opened, the events are folded in, and the leaf follows.

    1. old       state and salts give the value before, which the multiproof leads to the old root
    2. events    each at its log index, under this citizen's key and nobody else's (VRF), by a furnisher who may report it;
                 what the citizen is said to have signed was signed by a passkey of theirs
    3. why       an account is written for new events, for its age, for a new scorecard, or for what is destroyed of it
    4. new       the same fold and score that the bureau has to use; its five digests are the ones that the block wrote

What is wrong is said with the account's key. Accounts come by the page, which any process can check: an account needs
nothing of another one. Source: docs/formats.md, sections 7 and 17.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import orjson

from app.core.errors import CredenceError, FormatError, ProofError, SignatureError
from app.core.fields import hex32
from app.core.log import merkle
from app.core.log.entries import event_entry
from app.core.log.merkle import Frontier
from app.core.proving.transition import form
from app.core.proving.transition.pieces import Shown
from app.core.reporting.assertions import UNKNOWN_PASSKEY, Passkeys, assertion_of
from app.core.reporting.events import ROLES_BY_TYPE, decode_event, decode_events, decode_stored, type_of
from app.core.scoring.folded import reopen_file
from app.core.state import account, account_state, erasure, vrf
from app.core.state.account_state import AccountState, Opaque, PlacedEvent, Rules
from app.core.state.trie_multiproof import Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.proving.transition.form import Account, Part
    from app.core.proving.transition.growth import Reported
    from app.core.reporting.event_base import Event, Header


@dataclass(frozen=True, slots=True)
class Asked:
    """What every account of a block is checked against."""

    rules: Rules
    switched: bool
    origin: str
    vrf: bytes


class Page(NamedTuple):
    """Lines of accounts, and what is known: of the events that they name, of the entries that a notice destroys, of their
    keys. Events and doomed indices are taken out as accounts account for them.
    """

    lines: list[bytes]
    events: dict[int, Reported]
    doomed: dict[int, str]
    shown: set[Shown]


class Checked(NamedTuple):
    """What the account changes in the trie; the days until which it stood, "" when it is new, and stands; whose key it is
    when it had events.
    """

    change: Change
    until_before: str
    until: str
    shown: Shown | None


class Old(NamedTuple):
    """The account before: its value, its citizen tree, what was destroyed of it; `state` is None when that is gone."""

    value: bytes | None
    frontier: Frontier
    opaque: list[Opaque]
    until: str
    state: AccountState | None


class Past(NamedTuple):
    """Every earlier event of a citizen: leaves of the citizen tree, what can be read, what this block destroys."""

    tree_leaves: list[bytes]
    surviving: list[tuple[int, Event]]
    opaque: list[Opaque]
    gone: list[Opaque]


def check_page(asked: Asked, page: Page) -> list[Checked]:
    """Each account of the page follows from what was before. CredenceError with its key, and what is wrong with it."""
    checked = [_check_account(form.decode_account(line), asked, page) for line in page.lines]
    if page.events or page.doomed:
        raise ProofError("a page of accounts does not account for all that it names")
    return checked


def _check_account(record: Account, asked: Asked, page: Page) -> Checked:
    try:
        return _check(record, asked, page)
    except CredenceError as error:
        raise type(error)(f"account {record.key.hex()}: {error.detail}", code=error.code) from None
    except (AssertionError, KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        # a state that no honest ledger has written; its digests may still be what the old root holds
        raise ProofError(
            f"account {record.key.hex()}: cannot be worked out ({type(error).__name__})"
        ) from None


def _check(record: Account, asked: Asked, page: Page) -> Checked:
    state = account_state.decode(bytes(record.old)) if bytes(record.old) else None
    past = None
    if record.history is not None:
        past = _past(record.history, record.opaque if state is None else state.opaque, page, asked.rules.day)
    old = _old(record, state, past)
    new, leaves = _events(record, page)
    shown = _check_key(record, asked, page, new[0].event.citizen) if new else None
    if any(assertion_of(placed.event) is not None for placed in new):
        _check_assertions(new, state, past)
    if not (new or asked.switched or (past and past.gone)) and old.until > asked.rules.day:
        raise ProofError(f"is written without a reason: it has no event here and stands until {old.until}")
    if past is not None and past.gone:
        opaque = sorted([*past.opaque, *past.gone])
        surviving = past.surviving + [(p.log_index, p.event) for p in new]
        written = account_state.refold([*past.tree_leaves, *leaves], surviving, opaque, asked.rules)
    else:
        written = account_state.grow(old.state, new, leaves, asked.rules, lambda: _whole(past, old, new))
    digests = _digests(record.salts, written.state)
    _compare(record, written.state, digests)
    if set(record.salts) & set(record.old_salts):
        raise ProofError("its salts were not renewed")
    change = Change(record.key, old.value, account.account_value(digests))
    return Checked(change, old.until, written.until, shown)


def _whole(past: Past | None, old: Old, new: Sequence[PlacedEvent]) -> list[tuple[int, Event]]:
    if past is None and old.frontier.size:
        raise ProofError("is repaired, and its history is not shown")
    return (past.surviving if past else []) + [(placed.log_index, placed.event) for placed in new]


def _digests(salts: Sequence[bytes], state: AccountState) -> list[bytes]:
    return [account.digest(each) for each in account.disclosures_of_json(salts, state.values())]


def _compare(record: Account, state: AccountState, digests: Sequence[bytes]) -> None:
    wrong = [
        n for n, ours, theirs in zip(account.NAMES, digests, record.digests, strict=True) if ours != theirs
    ]
    if wrong:
        found = orjson.loads(bytes(state.score))
        told = found.get("score", "insufficient")
        raise ProofError(
            f"{', '.join(wrong)} {'are' if len(wrong) > 1 else 'is'} not what its events fold to"
            f" (the score is {told} until {found['until']})"
        )


# ---- the account before


def _old(record: Account, state: AccountState | None, past: Past | None) -> Old:
    if past is not None and past.gone:
        return _gone(record, past)
    if record.replaced is not None or record.opaque:
        raise ProofError("its state before is withheld, and nothing of it is destroyed here")
    if state is None:
        if past is not None or record.old_salts:
            raise ProofError("is said to be new and to have a past")
        return Old(None, Frontier(), [], "", None)
    frontier = Frontier.decode(bytes.fromhex(state.frontier))
    if account_state.history_json(frontier, state.opaque) != bytes(state.history):
        raise ProofError(
            "its old citizen tree, or list of what was destroyed, is not that of its old history"
        )
    if past is not None and Frontier().append_many(past.tree_leaves) != frontier:
        raise ProofError("the history shown is not that of its citizen tree")
    value = account.account_value(_digests(_five(record.old_salts), state))
    return Old(value, frontier, state.opaque, _until(bytes(state.score)), state)


def _gone(record: Account, past: Past) -> Old:
    """The state before is destroyed too: its history is worked out again, its score is shown, the rest are digests."""
    if record.replaced is None:
        raise ProofError("is destroyed in part, and what it was before is not shown")
    frontier = Frontier().append_many(past.tree_leaves)
    shown = {
        "history": account_state.history_json(frontier, past.opaque),
        "score": bytes(record.replaced.score),
    }
    digests = []
    for name, salt in zip(account.NAMES, _five(record.old_salts), strict=True):
        if name in shown:
            digests.append(account.digest(account.disclosure_of_json(salt, name, shown[name])))
        else:
            digests.append(hex32(getattr(record.replaced, name)))
    value = account.account_value(digests)
    return Old(value, frontier, past.opaque, _until(shown["score"]), None)


def _five(salts: list[bytes]) -> list[bytes]:
    if len(salts) != len(account.NAMES):
        raise FormatError("its old state has not five salts")
    return salts


def _until(score: bytes) -> str:
    until = orjson.loads(score)["until"]
    if not isinstance(until, str):
        raise FormatError("its old score has no `until`")
    return until


# ---- events, new and old


def _events(record: Account, page: Page) -> tuple[list[PlacedEvent], list[bytes]]:
    """The events that this block brings, all of one citizen, and their leaves in the citizen tree."""
    new: list[PlacedEvent] = []
    leaves: list[bytes] = []
    last = -1
    named: list[tuple[int, Reported, bytes]] = []
    for index, salt, raw in record.events:
        line = bytes(raw)
        reported = page.events.pop(index, None)
        if reported is None or index <= last:
            raise ProofError(
                f"there is no event of its at log index {index:,}, or it is somebody else's, or out of order"
            )
        if merkle.leaf_hash(event_entry(sha256(line).digest())) != reported.leaf_hash:
            raise ProofError(f"the event shown for log index {index:,} is not the one in the log")
        named.append((index, reported, line))
        leaves.append(account_state.tree_leaf(salt, index, reported.leaf_hash))
        last = index
    for header, group in groupby(named, key=lambda item: item[1].header):
        of_header = list(group)
        for (index, reported, _), event in zip(of_header, _decoded(of_header, header), strict=True):
            if not ROLES_BY_TYPE[type_of(event)] & reported.roles:
                raise ProofError(
                    f"the key that signed the event at log index {index:,} may not report a {type_of(event)} (R4)"
                )
            if new and event.citizen != new[0].event.citizen:
                raise ProofError(
                    f"the event at log index {index:,} is about another citizen than the one before"
                )
            new.append(PlacedEvent(index, reported.leaf_hash, event))
    return new, leaves


def _decoded(named: Sequence[tuple[int, Reported, bytes]], header: Header) -> list[Event]:
    """The events of one header, each by the rules that one event can keep or break."""
    if len(named) > 1:
        events, problems = decode_events([line for _, _, line in named], header)
        if not problems:
            return events
    return [decode_event(line, header) for _, _, line in named]  # raises, with the reason in full


def _check_assertions(new: Sequence[PlacedEvent], state: AccountState | None, past: Past | None) -> None:
    """By the passkeys of the file as it was; where this very block erases what it was, by those that are left."""
    erased = past is not None and any(part.reason == erasure.REASON for part in past.gone)
    passkeys = Passkeys(None if state is None else reopen_file(bytes(state.file)).passkeys)
    if state is None and past is not None:
        for _, event in past.surviving:
            with suppress(CredenceError):  # judged when it came
                passkeys.follow(event)
    for placed in new:
        try:
            passkeys.follow(placed.event)
        except CredenceError as error:
            if error.code == UNKNOWN_PASSKEY and erased:
                continue
            message = (
                f"the event at log index {placed.log_index:,} was not signed by the citizen: {error.detail}"
            )
            raise SignatureError(message, code=error.code) from None


def _check_key(record: Account, asked: Asked, page: Page, citizen: str) -> Shown:
    shown = Shown(record.key, citizen, record.vrf, asked.vrf, asked.origin)
    if shown in page.shown:
        return shown
    try:
        key = vrf.citizen_key(vrf.verify(asked.vrf, vrf.citizen_alpha(asked.origin, citizen), record.vrf))
    except CredenceError:
        key = b""
    if key != record.key:
        raise ProofError("its key is not shown to be that of the citizen whose events it got")
    return shown


def _past(history: Sequence[Part], destroyed: Sequence[Opaque], page: Page, day: str) -> Past:
    """The history that is shown, sorted out; that it is the citizen's is for the caller to see."""
    past = Past([], [], [], [])
    earlier = {part.position: part for part in destroyed}
    for position, (index, salt, raw) in enumerate(history):
        shown = bytes(raw)
        if shown[:1] == b'"':
            leaf = hex32(orjson.loads(shown))
            reason = page.doomed.pop(index, None)
            if reason is not None:
                past.gone.append(Opaque(position, reason, day))
            elif position in earlier:
                past.opaque.append(earlier[position])
            else:
                raise ProofError(f"the event at log index {index:,} is withheld, and no notice destroys it")
        else:
            if index in page.doomed:
                raise ProofError(f"log index {index:,} was to be destroyed, and is shown")
            leaf = merkle.leaf_hash(event_entry(sha256(shown).digest()))
            past.surviving.append((index, decode_stored(shown)))
        past.tree_leaves.append(account_state.tree_leaf(salt, index, leaf))
    asked_for = erasure.standing(past.surviving)
    if not asked_for and any(part.reason == erasure.REASON for part in past.gone):
        raise ProofError("is erased, and the citizen had not asked for it (R40)")
    if len(past.opaque) != len(destroyed):
        raise ProofError("what was destroyed of it before is not where the list says")
    return past
