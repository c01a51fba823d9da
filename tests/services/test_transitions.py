"""Transition proofs of real ledgers: followed from the genesis, nothing is wrong; and every lie of the bureau is caught."""

from __future__ import annotations

import dataclasses
import datetime as dt
import gc
import os
import random
import sys
import time
import tracemalloc
from hashlib import sha256

import msgspec
import orjson
import pytest

from app.core import canon
from app.core.errors import CredenceError, NotFoundError
from app.core.log import merkle
from app.core.log.note import Signer
from app.core.proving.transition import AuditorState, check, form
from app.core.state import account_state
from app.db import ledger as log_rows
from app.db import state as rows
from app.services.ledger import block_maker, folding, intake, retention
from app.services.ledger.register import register_key
from app.services.proving import transitions
from app.services.proving.transitions import transition
from tests.conftest import url_of
from tests.services import audited
from tests.services.builders import PAPER, Ledger, card
from tests.services.test_mutations import CHANGES, SECONDS_MAX, _bytes_changed, _json_changed


@pytest.fixture(scope="module")
def filled(template_database, administer, server_url, tmp_path_factory):
    """Every type of event, aging, another scorecard, repairs: read only."""
    name = f"credence_transitions_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("transitions"), url_of(server_url, name))
    audited.fill(made)
    yield made
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


def newest(ledger):
    with ledger.bureau.transaction() as connection:
        return log_rows.newest_block(connection)


def lines_of(ledger, number):
    return list(transition(ledger.bureau, number))


def follow(ledger, state=None):
    """The auditor's state at the newest block."""
    state = state or AuditorState.start(ledger.bureau.verifier)
    while state.next_block <= newest(ledger).number:
        state = check(state, transition(ledger.bureau, state.next_block))
        assert AuditorState.decode(state.encode()) == state, "what is kept between blocks says all"
    return state


@pytest.mark.parametrize("at_once", [3, 500])
def test_a_ledger_is_followed_from_its_genesis(filled, monkeypatch, at_once):
    monkeypatch.setattr(transitions, "CITIZENS_AT_ONCE", at_once)
    state, block = follow(filled), newest(filled)
    assert (state.head.size, state.head.root) == (block.tree_size, block.root)
    assert sum(state.until.values()) == state.block.accounts
    with pytest.raises(NotFoundError, match="not published"):
        lines_of(filled, state.next_block)


# ---- destruction


def test_a_destruction_is_followed_as_it_is_made_and_cannot_be_shown_later(ledger):
    """R11: the plaintext goes, and who was there has seen that the account follows from what is left."""
    lender = ledger.lender
    ledger.admit(
        lender.batch(
            [*lender.card_history("uci:1", months=8, late_ago=6), *lender.card_history("uci:2", months=3)]
        )
    )
    ledger.step()
    state = follow(ledger)
    first = state.next_block - 1
    ledger.clock.moment = dt.datetime(2031, 11, 3, 4, 0, 0, tzinfo=dt.UTC)
    ledger.admit(
        lender.batch([line for n in (1, 2) for line in lender.card_history(f"uci:{n}", months=7)[1:]])
    )
    ledger.step()
    state = follow(ledger, state)
    before = state
    assert retention.run(ledger.bureau, lambda _: None).events
    ledger.admit(lender.batch([lender.status("uci:1"), lender.payment("uci:2")]))
    ledger.settle()
    with pytest.raises(NotFoundError) as gone:
        lines_of(ledger, first)
    assert gone.value.code == "destroyed"
    state = follow(ledger, state)
    _lies_about_what_was_destroyed(ledger, before)
    # what was destroyed stays so when the account is folded from the start again
    with ledger.bureau.transaction() as connection:
        person = ledger.bureau.people.find(connection, ["uci:1"])["uci:1"]
        index = [i for row, i, _ in rows.events_of_citizens(connection, [person.id]) if row.sealed][-2]
    desk = ledger.enrolment
    dispute = desk.event("dispute_opened", "uci:1", target=index, ground="not_mine", **PAPER)
    ledger.admit(desk.batch([dispute]))
    ledger.step()
    follow(ledger, state)


def _lies_about_what_was_destroyed(ledger, before):
    number = before.next_block
    lines = lines_of(ledger, number)
    while not any(form.decode_account(line).replaced for line in lines[1:]):
        before = check(before, lines)
        number += 1
        lines = lines_of(ledger, number)
    at = next(i for i, line in enumerate(lines[1:], 1) if form.decode_account(line).replaced)
    account = form.decode_account(lines[at])
    shown = [i for i, part in enumerate(account.history) if bytes(part[2])[:1] == b"{"]
    index, salt, line = account.history[shown[0]]
    leaf = merkle.leaf_hash(b"\x01" + sha256(bytes(line)).digest()).hex()
    hidden = [*account.history]
    hidden[shown[0]] = index, salt, msgspec.Raw(f'"{leaf}"'.encode())
    for changed, why in (
        ({"history": hidden}, "withheld"),
        ({"history": account.history[1:]}, "."),
        ({"replaced": None}, "what it was before is not shown"),
        ({"history": None}, "withheld"),
        ({"opaque": [account_state.Opaque(shown[0], "retention", "2030-01-01")]}, "not where the list says"),
        ({"replaced": msgspec.structs.replace(account.replaced, flags="00" * 32)}, "old accounts"),
    ):
        lie = [*lines]
        lie[at] = form.encode(msgspec.structs.replace(account, **changed))
        caught(before, lie, why)


# ---- lies in the transition: what the block holds is right, and what is shown of it is not


def caught(state, lines, why):
    with pytest.raises(CredenceError, match=why) as error:
        check(state, lines)
    return error.value


def transition_with(filled, wanted):
    """(state before, lines, place of the first account for which `wanted` holds) of the first such block."""
    state = AuditorState.start(filled.bureau.verifier)
    while True:
        lines = lines_of(filled, state.next_block)
        for place, line in enumerate(lines[1:], 1):
            if wanted(form.decode_account(line)):
                return state, lines, place
        state = check(state, lines)


def changed(lines, place, **fields):
    record = (form.decode_account if place else form.decode_head)(lines[place])
    return [*lines[:place], form.encode(msgspec.structs.replace(record, **fields)), *lines[place + 1 :]]


def test_every_part_of_an_account_is_checked(filled):
    state, lines, at = transition_with(filled, lambda a: a.events and bytes(a.old) and a.history)
    record = form.decode_account(lines[at])
    other = next(i for i, x in enumerate(lines[1:], 1) if i != at and form.decode_account(x).events)
    theirs = form.decode_account(lines[other])
    index, _, line = record.events[0]
    old = account_state.decode(bytes(record.old))
    score = orjson.loads(bytes(old.score)) | {"until": "2099-01-01"}
    later = msgspec.structs.replace(old, score=msgspec.Raw(canon.encode(score)))
    opaque = msgspec.structs.replace(old, opaque=[account_state.Opaque(0, "retention", "2026-01-01")])
    for fields, why in (
        ({"old_salts": record.salts}, "."),
        ({"salts": record.old_salts}, "not what its events fold to"),
        ({"events": [(index, bytes(32), line), *record.events[1:]]}, "history is not what"),
        ({"events": record.events[1:]}, "."),
        ({"events": record.events + theirs.events}, "."),
        ({"events": theirs.events}, "not shown to be that of the citizen"),
        ({"vrf": theirs.vrf}, "not shown to be"),
        ({"key": theirs.key}, "."),
        ({"old": msgspec.Raw(b"")}, "."),
        ({"old": msgspec.Raw(account_state.encode(later))}, "."),
        ({"old": msgspec.Raw(account_state.encode(opaque))}, "destroyed of it before"),
        ({"history": None}, "its history is not shown"),
        ({"history": record.history[:-1]}, "not that of its citizen tree"),
        ({"digests": [bytes(32), *record.digests[1:]]}, "history is not what its events fold to"),
    ):
        error = caught(state, changed(lines, at, **fields), why)
        assert record.key.hex() in str(error) or "key" in fields or why == ".", error


def test_nobody_is_left_out_and_nothing_twice(filled):
    state, lines, at = transition_with(filled, lambda a: a.events and bytes(a.old))
    head = form.decode_head(lines[0])
    fewer = msgspec.structs.replace(head, accounts=head.accounts - 1)
    caught(state, lines[:-1], "cut short")
    caught(state, [*lines, lines[-1]], ".")
    caught(state, [form.encode(fewer), *lines[1:at], *lines[at + 1 :]], ".")
    caught(state, [lines[0], *reversed(lines[1:])], ".")
    caught(state, [], "at least one line")
    batch = next(i for i, each in enumerate(head.admissions) if each.note)
    for admissions in (
        head.admissions[:batch] + head.admissions[batch + 1 :],
        head.admissions[batch:] + head.admissions[:batch] + head.admissions[:1],
        [msgspec.structs.replace(each, commitments=each.commitments[:-32]) for each in head.admissions],
    ):
        caught(state, changed(lines, 0, admissions=admissions), ".")
    caught(state, changed(lines, 0, block=head.block + 1), "wanted is")
    caught(check(state, lines), lines, "wanted is")


def test_no_change_is_accepted(some_transition):
    """5,000 changes of bytes, fields, lines and foreign parts, 200,000 with `make soak`: refused, or the auditor keeps the very
    same after it (a line need not be canonical).
    """
    state, lines, others = some_transition
    honest, rng = check(state, lines), random.Random("mutations of transitions")
    slowest_s, tried, equal, began_s = 0.0, 0, 0, time.process_time()
    while tried < CHANGES:
        changed = _lines_changed(lines, others, rng)
        tried += 1
        for _ in range(3):  # a pause of the machine or the collector is not the auditor's
            took_s = time.thread_time()
            try:
                after = check(state, changed)
            except CredenceError:
                after = None
            took_s = time.thread_time() - took_s
            if took_s <= SECONDS_MAX:
                break
        assert after in (None, honest), changed
        equal += after is not None
        slowest_s = max(slowest_s, took_s)
    each_us = (time.process_time() - began_s) / tried * 1e6
    told = f"transition: {tried:,} changes, {equal:,} without effect, slowest {slowest_s * 1e3:.1f} ms, {each_us:.0f} us each\n"
    sys.stdout.write(told)  # `make soak` shows it
    assert slowest_s <= SECONDS_MAX
    assert equal < tried / 10


def _lines_changed(lines, others, rng):
    place = rng.randrange(len(lines))
    match rng.randrange(10):
        case 0:
            return lines[:place] + lines[place + 1 :]
        case 1:
            return [*lines[:place], rng.choice(others), *lines[place + 1 :]]
        case 2:
            return [*lines[:place], rng.choice(lines), *lines[place:]]
        case 3 | 4 | 5:
            other = others[0] if place == 0 else rng.choice(others[1:])
            return [*lines[:place], _bytes_changed(lines[place], other, rng), *lines[place + 1 :]]
    parsed, foreign = (orjson.loads(line) for line in (lines[place], rng.choice(others)))
    return [*lines[:place], _json_changed(parsed, foreign, rng), *lines[place + 1 :]]


@pytest.fixture(scope="module")
def some_transition(template_database, administer, server_url, tmp_path_factory):
    """(an auditor's state, a small transition that follows it, another one's lines)."""
    name = f"credence_transition_{os.getpid()}"
    administer(f"CREATE DATABASE {name} TEMPLATE {template_database}")
    made = Ledger(tmp_path_factory.mktemp("transition"), url_of(server_url, name))
    made.report(4, months=1)
    made.step()
    state, lender = follow(made), made.lender
    with made.bureau.transaction() as connection:
        target = next(n for n in range(200) if (found := rows.event_at(connection, n)) and found[0])
    made.admit(
        lender.batch([lender.status("uci:2", late=True), lender.opened("uci:9")]),
        lender.batch([lender.event("retraction", "uci:1", target=target, reason="reported_in_error")]),
    )
    made.step()
    made.admit(lender.batch([lender.status("uci:3")]))
    made.step()
    yield state, lines_of(made, 1), lines_of(made, 2)
    made.close()
    administer(f"DROP DATABASE {name} WITH (FORCE)")


# ---- lies in the ledger: the bureau has signed them


def lying(ledger, monkeypatch, module, name, make):
    """A ledger with one honest block and an auditor who has seen it; from now on `module.name` lies."""
    ledger.report(6, months=3)
    ledger.step()
    state = follow(ledger)
    monkeypatch.setattr(module, name, make(getattr(module, name)))
    return state


def next_block_is_refused(ledger, state, why):
    ledger.step()
    with pytest.raises(CredenceError, match=why) as error:
        follow(ledger, state)
    return str(error.value)


def key_of(ledger, citizen):
    return ledger.bureau.people.key_of(citizen).hex()


def test_a_score_that_is_too_high(ledger, monkeypatch):
    favourite = key_of(ledger, "uci:1")

    def better(honest):
        def keep(share, task, loaded, keys, written, nonce):  # noqa: PLR0917 - as the one it stands for
            if loaded.key.hex() == favourite:
                told = orjson.loads(bytes(written.state.score)) | {"score": 850}
                told.pop("insufficient", None)
                raw = msgspec.Raw(canon.encode(told))
                lied = msgspec.structs.replace(written.state, score=raw)
                written = account_state.Written(lied, written.until, written.scored)
            return honest(share, task, loaded, keys, written, nonce)

        return keep

    state = lying(ledger, monkeypatch, folding, "keep", better)
    ledger.admit(ledger.lender.batch([ledger.lender.status(f"uci:{n}", late=True) for n in (1, 2)]))
    said = next_block_is_refused(ledger, state, "score is not what its events fold to")
    assert favourite in said


def test_an_account_left_out_of_aging(ledger, monkeypatch):
    state = lying(ledger, monkeypatch, block_maker.state, "due", lambda due: lambda c, day: due(c, day)[1:])
    ledger.clock.move(days=200)
    next_block_is_refused(ledger, state, "1 accounts were left out that had to be scored again")


def test_an_account_left_out_of_a_new_scorecard(ledger, monkeypatch):
    state = lying(ledger, monkeypatch, block_maker.state, "scored", lambda scored: lambda c: scored(c)[1:])
    ledger.publish(card("Second card"))
    next_block_is_refused(ledger, state, "writes all 6 accounts anew, and 5 are")


def test_an_account_that_is_written_without_a_reason(ledger, monkeypatch):
    def one_more(_):
        return lambda self, connection, *_: rows.scored(connection)[
            :2
        ]  # in any order, and one of them has news

    state = lying(ledger, monkeypatch, block_maker.BlockMaker, "_aged", one_more)
    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:6")]))
    next_block_is_refused(ledger, state, "written without a reason")


def test_an_event_that_no_account_gets(ledger, monkeypatch):
    def without_last(events):
        return lambda *arguments: events(*arguments)[:-1]

    state = lying(ledger, monkeypatch, folding.state, "events_of_batches", without_last)
    ledger.admit(ledger.lender.batch([ledger.lender.status(f"uci:{n}") for n in (1, 2)]))
    next_block_is_refused(ledger, state, "1 events are in no account|is not what its events fold to")


def test_an_event_in_the_tree_of_somebody_else(ledger, monkeypatch):
    """A late payment of uci:1 is filed under uci:2 from the start."""
    state = lying(ledger, monkeypatch, intake, "admit", lambda admit: admit)
    lender, people = ledger.lender, ledger.bureau.people
    honest = type(people).find
    enrol = type(people).enrol

    def swapped(found):
        return found | {"uci:1": found["uci:2"]} if {"uci:1", "uci:2"} <= found.keys() else found

    monkeypatch.setattr(type(people), "find", lambda *a, **k: swapped(honest(*a, **k)))
    monkeypatch.setattr(type(people), "enrol", lambda *a, **k: swapped(enrol(*a, **k)))
    ledger.admit(lender.batch([lender.status("uci:1", late=True), lender.status("uci:2")]))
    said = next_block_is_refused(ledger, state, "another citizen|not shown to be that of the citizen")
    assert key_of(ledger, "uci:2") in said


@pytest.mark.parametrize(
    ("field", "why"),
    [("accounts", "says 7 accounts, and there are 6"), ("keys", "keys is"), ("state", "do not give the state"),
     ("previous", "previous is"), ("rules", "rules is"), ("as_of", "as_of is")],
)  # fmt: skip
def test_a_block_that_says_what_is_not_so(ledger, monkeypatch, field, why):
    def lie(honest):
        def block(*arguments):
            made = honest(*arguments)
            other = {"accounts": 7, "as_of": made.as_of + dt.timedelta(days=1)}.get(field, bytes(range(32)))
            return dataclasses.replace(made, **{field: other})

        return block

    state = lying(ledger, monkeypatch, block_maker.BlockMaker, "_block", lie)
    ledger.admit(ledger.lender.batch([ledger.lender.status("uci:1")]))
    next_block_is_refused(ledger, state, why)


# ---- memory


def test_memory_does_not_grow_with_the_ledger(ledger):
    """The same work a block, block after block, while the ledger grows: the peak stays."""
    state, peaks = None, []
    for number in range(12):
        ledger.report(20, first=1 + 20 * number, months=1)
        ledger.step()
        state = follow(ledger, state)
        if number in (3, 11):
            ledger.report(20, first=1000 + 20 * number, months=1)
            ledger.step()
            record = lines_of(ledger, state.next_block)
            gc.collect()
            tracemalloc.start()
            state = check(state, iter(record))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert peaks[1] < 1.15 * peaks[0], peaks


def test_a_block_in_which_nothing_happens(ledger):
    ledger.report(3)
    ledger.step()
    state = follow(ledger)
    register_key(ledger.bureau, Signer.generate_from_seed("new.example", bytes(32)), "lender")
    ledger.step()
    assert follow(ledger, state).until == state.until
