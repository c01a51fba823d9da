"""Transition proofs of docs/formats.md section 17 on a ledger of its own: five blocks, in which accounts begin, grow, are repaired,
lose a plaintext, and age. Nothing of it needs a database.

`transitions_file(make)` is the file of vectors; `make` is the module of make.py, which loads this one.
"""

from __future__ import annotations

import datetime as dt
import hashlib

import msgspec

from app.core import canon
from app.core.log import merkle, notices
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.entries import batch_entry, event_entry, notice_entry
from app.core.log.register import Register
from app.core.proving.transition import AuditorState, check, form
from app.core.reporting.batch import sign_batch
from app.core.reporting.events import decode_stored
from app.core.reporting.receipt import Receipt
from app.core.scoring.profiles import CN, rules_hash
from app.core.scoring.scorecard import expert_card
from app.core.state import account, account_state, trie, trie_multiproof
from app.core.state.account_state import Opaque, PlacedEvent, Replaced, Rules

DAY = dt.timedelta(days=1)


class Writer:
    """A bureau of a few lines, which keeps every state in the open."""

    def __init__(self, make):
        self.make, self.card = make, expert_card()
        self.entries, self.notices, self.lines, self.blocks = [], [], {}, []
        self.accounts = {}  # citizen -> (state, block that wrote it)

    def block(self, time, admissions, destroyed=()):
        """The lines of the transition; `admissions` are notices and (signer, batch id, lines)."""
        self.time, number = time, len(self.blocks)
        shown, events = [], {}
        for admission in admissions:
            shown.append(self._admit(admission, events))
        before = self._values()
        written = self._write(number, events, set(destroyed))
        leaves = self._values()
        stored = trie_multiproof.StoredTrie(sorted(before.items()), {})
        proof = trie_multiproof.build(stored, [each.key for each in written])
        block = self.make.Block(
            number=number,
            previous=self.blocks[-1].leaf_hash() if self.blocks else self.make.NO_PREVIOUS,
            state=trie.root(sorted((key, trie.leaf_hash(key, value)) for key, value in leaves.items())),
            accounts=len(leaves),
            as_of=self._day(),
            time=time,
            scorecard=self.card.hash,
            rules=rules_hash(CN),
            keys=Register.fold(self.notices).root(),
            vrf=self.make.VRF.public,
        )
        self.entries.append(block.entry())
        hashes = [merkle.leaf_hash(each) for each in self.entries]
        head = Checkpoint(self.make.ORIGIN, len(hashes), merkle.root(hashes))
        first = form.Head(
            v=1,
            block=number,
            admissions=shown,
            entry=block.encode(),
            checkpoint=sign_checkpoint(self.make.LEDGER, head).decode(),
            trie=proof,
            accounts=len(written),
            card=b"" if self.blocks else self.card.document,
        )
        self.blocks.append(block)
        return [form.encode(first), *map(form.encode, written)]

    def _day(self):
        return (self.time + dt.timedelta(hours=8)).date()

    def _admit(self, admission, events):
        make = self.make
        if not isinstance(admission, tuple):
            self.notices.append((len(self.entries), admission))
            payload = notices.encode(admission)
            self.entries.append(notice_entry(payload))
            return form.Admission(notice=payload)
        signer, batch_id, lines = admission
        batch = sign_batch(signer, make.ORIGIN, batch_id, lines)
        commitments = [hashlib.sha256(line).digest() for line in lines]
        admitted = self.time - dt.timedelta(minutes=5)
        receipt = Receipt(
            make.ORIGIN, batch.batch_hash, len(lines), admitted, self.time + dt.timedelta(hours=1)
        )
        self.entries.append(batch_entry(batch.batch_hash))
        for line, commitment in zip(lines, commitments, strict=True):
            index = len(self.entries)
            self.lines[index] = line
            events.setdefault(decode_stored(line).citizen, []).append(index)
            self.entries.append(event_entry(commitment))
        return form.Admission(
            note=batch.note.decode(),
            receipt=receipt.sign(make.SERVICE).decode(),
            commitments=b"".join(commitments),
        )

    # -- accounts

    def _values(self):
        found = {}
        for citizen, (state, block) in self.accounts.items():
            found[self.make.key_of(citizen)] = state.account_value(self.make.salt_key(citizen), block)
        return found

    def _placed(self, index):
        leaf = merkle.leaf_hash(self.entries[index])
        return PlacedEvent(index, leaf, decode_stored(self.lines[index]))

    def _part(self, citizen, index, *, hidden=False):
        salt = account.salt(self.make.salt_key(citizen), "event", index)
        line = canon.encode(merkle.leaf_hash(self.entries[index]).hex()) if hidden else self.lines[index]
        return index, salt, msgspec.Raw(line)

    def _write(self, number, events, destroyed):
        rules = Rules(self._day().isoformat(), self.card, CN)
        aged = {
            citizen
            for citizen, (state, _) in self.accounts.items()
            if canon.decode_object(bytes(state.score))["until"] <= rules.day
        }
        owners = {index: decode_stored(line).citizen for index, line in self.lines.items()}
        touched = events.keys() | aged | {owners[index] for index in destroyed}
        written = [
            self._account(citizen, number, rules, events.get(citizen, []), destroyed) for citizen in touched
        ]
        return sorted(written, key=lambda each: each.key)

    def _account(self, citizen, number, rules, new, destroyed):
        make, salt_key = self.make, self.make.salt_key(citizen)
        old, wrote = self.accounts.get(citizen, (None, 0))
        own = [index for index, line in self.lines.items() if decode_stored(line).citizen == citizen]
        past = [index for index in own if index not in new]
        gone = [index for index in past if index in destroyed]
        placed = [self._placed(index) for index in new]
        fields = {}
        if gone:
            opaque = [Opaque(past.index(index), "retention", rules.day) for index in gone]
            left = [(index, decode_stored(self.lines[index])) for index in own if index not in gone]
            leaves = [(index, merkle.leaf_hash(self.entries[index])) for index in own]
            after = account_state.rebuild(leaves, left, opaque, rules, salt_key)
            digests = [account.digest(each) for each in old.disclosures(salt_key, wrote)]
            told = dict(zip(account.NAMES, digests, strict=True))
            fields["replaced"] = Replaced(
                **{name: told[name].hex() for name in ("file", "flags", "receipt")}, score=old.score
            )
            fields["history"] = [self._part(citizen, index, hidden=index in gone) for index in past]
        else:
            whole = [(index, decode_stored(self.lines[index])) for index in own]
            after = account_state.advance(old, placed, rules, salt_key, lambda: whole)
            if old is not None:
                fields["old"] = msgspec.Raw(account_state.encode(old))
                if any(each.event.__class__.__name__ == "Retraction" for each in placed):
                    fields["history"] = [self._part(citizen, index) for index in past]
        if old is not None:
            fields["old_salts"] = account.salts(salt_key, wrote)
        if new:
            fields["events"] = [self._part(citizen, index) for index in new]
            fields["vrf"] = make.VRF.prove(make.citizen_alpha(make.ORIGIN, citizen))
        self.accounts[citizen] = (after.state, number)
        return form.Account(
            key=make.key_of(citizen),
            salts=account.salts(salt_key, number),
            digests=[account.digest(each) for each in after.state.disclosures(salt_key, number)],
            **fields,
        )


def event(make, number, **fields):
    common = {
        "v": 1,
        "ledger": make.ORIGIN,
        "furnisher": make.LENDER.name,
        "id": f"019ab6a4-0000-7000-8000-{number:012x}",
        "nonce": make.format_b64url32(make.seed(f"nonce {number}")),
    }
    return canon.encode(common | fields)


def story(make):
    """The five transitions, each a list of lines."""
    writer, time, today = Writer(make), make.TIME, make.TODAY
    card = {"account": "c-1", "currency": "CNY"}
    founding = [
        make.NOTICES[0],
        *make.NOTICES[1:3],
        notices.scorecard_published(writer.card.hash, "champion", today, make.at(-560)),
    ]
    first = writer.block(time, [*founding, (make.LENDER, "2026-11", make.LINES)])
    late = next(index for index, line in writer.lines.items() if b'"late_30"' in line)
    bill = next(index for index, line in writer.lines.items() if b'"statement"' in line)
    day = (today + DAY).isoformat()
    more = [
        event(make, 10, type="payment", citizen="uci:17", day=day, amount_minor=125, **card),
        event(make, 11, type="account_opened", citizen="uci:19", day=day, **card, **{"class": "card"}),
    ]
    second = writer.block(time + DAY, [(make.LENDER, "2026-11-b", more)])
    wrong = [
        event(
            make,
            12,
            type="retraction",
            citizen="uci:18",
            day="2026-10-31",
            target=late,
            reason="wrong_person",
        )
    ]
    third = writer.block(time + 2 * DAY, [(make.LENDER, "2026-11-c", wrong)])
    gone = notices.destroyed([bill], "retention", time + 3 * DAY)
    fourth = writer.block(time + 3 * DAY, [gone], destroyed=[bill])
    fifth = writer.block(time + 200 * DAY, [])
    return [first, second, third, fourth, fifth]


def bent(line, **fields):
    """A line with other fields; None leaves one out."""
    record = msgspec.json.decode(line) | fields
    return (
        msgspec.json.encode(
            {name: value for name, value in record.items() if value is not None}, order="sorted"
        )
        + b"\n"
    )


def lies(make, blocks):
    """(block, name, step, lines)"""
    _, second, third, fourth, fifth = blocks
    read = [[msgspec.json.decode(line) for line in lines] for lines in blocks]
    grown = next(i for i, each in enumerate(read[1]) if "old" in each)
    new = next(i for i, each in enumerate(read[1][1:], 1) if "old" not in each)
    one, other = read[1][grown], read[1][new]
    lost = read[3][1]
    batch = read[1][0]["admissions"][0]
    elsewhere = make.signer("stranger.example")

    def head(lines, **fields):
        return [bent(lines[0], **fields), *lines[1:]]

    def at(lines, place, **fields):
        return [*lines[:place], bent(lines[place], **fields), *lines[place + 1 :]]

    def resigned(note, signer):
        text = note.encode().rpartition(b"\n\n")[0] + b"\n"
        return signer.sign(text).decode()

    foreign_receipt = resigned(batch["receipt"], elsewhere)
    salts = [one["events"][0][0], other["events"][0][1], one["events"][0][2]]
    return [
        (1, "another block's transition", 1, third),
        (1, "a batch signed by a stranger", 1, head(second, admissions=[batch | {"note": resigned(batch["note"], elsewhere)}])),
        (1, "a receipt by no service key", 1, head(second, admissions=[batch | {"receipt": foreign_receipt}])),
        (1, "other commitments", 1, head(second, admissions=[batch | {"commitments": make.b64(bytes(64))}])),
        (1, "a batch left out", 2, head(second, admissions=[])),
        (1, "the checkpoint of another block", 2, head(second, checkpoint=read[2][0]["checkpoint"])),
        (1, "the entry of another block", 2, head(second, entry=read[2][0]["entry"])),
        (1, "an old state under other salts", 7, at(second, grown, old_salts=one["old_salts"][::-1])),
        (1, "an old state of another citizen tree", 3, at(second, grown, old=one["old"] | {"frontier": "00" * 8})),
        (3, "less of the history", 6, at(fourth, 1, history=lost["history"][1:])),
        (1, "another event than the one in the log", 4, at(second, grown, events=[[*one["events"][0][:2], other["events"][0][2]]])),
        (1, "an event of somebody else", 4, at(second, grown, events=other["events"])),
        (1, "the VRF proof of somebody else", 4, at(second, grown, vrf=other["vrf"])),
        (2, "an account written without a reason", 5, head([*third, fifth[1]], accounts=2)),
        (1, "an event's salt that the digest does not have", 6, at(second, grown, events=[salts])),
        (1, "salts that were used before", 6, at(second, grown, salts=one["old_salts"])),
        (1, "another history", 6, at(second, grown, digests=[make.b64(bytes(32)), *one["digests"][1:]])),
        (1, "another score", 7, at(second, grown, digests=[one["digests"][0], make.b64(bytes(32)), *one["digests"][2:]])),
        (1, "a multiproof of another block", 7, head(second, trie=read[2][0]["trie"])),
        (1, "an account left out", 7, head([line for i, line in enumerate(second) if i != new], accounts=1)),
        (2, "no history with a repair", 3, at(third, 1, history=None)),
    ]  # fmt: skip


def transitions_file(make):
    """The file of vectors."""
    blocks = story(make)
    state, rows = AuditorState.start(make.LEDGER.verifier), []
    for lines in blocks:
        before = state.encode().decode()
        state = check(state, lines)
        rows.append(
            {"keeps": before, "lines": [line.decode() for line in lines], "then": state.encode().decode()}
        )
    invalid = [
        {"block": number, "name": name, "step": step, "lines": [line.decode() for line in lines]}
        for number, name, step, lines in lies(make, blocks)
    ]
    return {"blocks": rows, "invalid": invalid, "ledger": make.LEDGER.verifier.encode()}
