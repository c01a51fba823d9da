"""The further claims of docs/formats.md section 15 on the tiny ledger of make.py, with a notice of destruction in one variant of it.

`claims_file(make)` is the file of vectors; `make` is the module of make.py, which loads this one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from app.core import canon
from app.core.log import merkle, notices
from app.core.log.checkpoint import Checkpoint, sign_checkpoint
from app.core.log.entries import event_entry, notice_entry
from app.core.log.merkle import LeafReader
from app.core.log.register import Register
from app.core.proving.claims.absent import build_absent
from app.core.proving.claims.contradiction import build_contradiction
from app.core.proving.claims.erasure import build_erasure
from app.core.proving.claims.event import EventPlace, build_event
from app.core.proving.claims.filed import filed_fields
from app.core.proving.claims.growth import build_consistency
from app.core.proving.claims.head import format_hashes, hashes_of
from app.core.proving.claims.history import Part, build_history
from app.core.proving.claims.overdue import build_overdue
from app.core.proving.claims.signer import SignerPlace
from app.core.reporting.batch import parse_batch
from app.core.reporting.receipt import Receipt
from app.core.state import account, trie
from app.core.state.account_state import Opaque, opaque_hash

CITIZEN = "uci:17"
BATCH_INDEX = 10  # after nine notices and block 0


@dataclass(frozen=True)
class Claims:
    """Makes one claim of each kind; what is not as usual is an argument."""

    make: object

    # -- citizens

    def history(self, *, gone=(), citizen=CITIZEN, lines=None, tlog=None):
        """All events of a citizen; of those at the positions `gone` only the leaf is left."""
        make = self.make
        opaque = [Opaque(position, "retention", "2026-11-22") for position in gone]
        entries = make.citizen_entries(citizen)
        root = merkle.root([merkle.leaf_hash(entry) for _, entry in entries])
        told = {"opaque": opaque_hash(opaque), "root": root.hex(), "size": len(entries)}
        world = make.World(values=make.VALUES | {"history": told})
        parts = []
        for position, (index, _) in enumerate(entries):
            line = make.LINES[index - make.EVENT_INDEX]
            salt = account.salt(make.salt_key(citizen), "event", index)
            if position in gone:
                leaf = merkle.leaf_hash(event_entry(hashlib.sha256(line).digest()))
                parts.append(Part(salt, index, leaf=leaf, reason="retention", day="2026-11-22"))
            else:
                parts.append(Part(salt, index, line if lines is None else lines[position]))
        return build_history(world.proof(("history", "score"), tlog=tlog), parts)

    def absent(self, identifier="uci:4711", *, key=None, vrf=None):
        make, world = self.make, self.make.WORLD
        key = key or make.key_of(identifier)
        path = trie.prove(world.leaves(), key)
        values = world.accounts()
        other = None if path.end is None else (path.end[0], values[path.end[0]])
        return build_absent(
            key=key,
            vrf_proof=(vrf or make.VRF).prove(make.citizen_alpha(make.ORIGIN, identifier)),
            way=trie.NonMembership(path.siblings, other),
            block_json=world.blocks()[1].encode(),
            tlog=world.tlog().encode(),
        )

    def absent_at(self, *, leaf):
        """A proof of absence whose way ends at another leaf, or at an empty place."""
        for number in range(4711, 4811):
            proof = self.absent(f"uci:{number}")
            if ("leaf" in canon.decode_object(proof)) == leaf:
                return f"uci:{number}", proof
        raise AssertionError("no such citizen among a hundred")

    # -- the log

    def event(self, position=0, *, key=None, filed=None, **changes):
        make, world = self.make, self.make.WORLD
        hashes = world.leaf_hashes()
        batch = parse_batch(make.BATCH)
        leaves = [merkle.leaf_hash(event_entry(hashlib.sha256(line).digest())) for line in make.LINES]
        index = BATCH_INDEX + 1 + position
        usual = {
            "line": make.LINES[position],
            "index": index,
            "note": batch.note,
            "position": position,
            "batch_path": merkle.inclusion_proof(position, len(leaves), LeafReader(leaves)),
            "path": merkle.inclusion_proof(index, len(hashes), LeafReader(hashes)),
            "batch_entry_path": merkle.inclusion_proof(BATCH_INDEX, len(hashes), LeafReader(hashes)),
        }
        place = EventPlace(**usual | changes)
        signer = self.signer(key or make.LENDER.verifier.encode(), "lender" if key is None else None)
        block, tlog = world.blocks()[1].encode(), world.tlog().encode()
        return build_event(place, signer, block_json=block, tlog=tlog, filed=filed)

    def signer(self, vkey, role):
        register = Register.fold(enumerate(self.make.NOTICES))
        records = sorted(register.records(), key=lambda record: record.encode())
        return SignerPlace.of(register, next(r for r in records if r.vkey == vkey and role in (None, r.role)))

    def erasure(self, entries=(11,), reason="retention"):
        """In a ledger that has one more notice and one more block, made later."""
        make = self.make
        notice = notices.destroyed(list(entries), reason, make.at(30))
        last = make.WORLD.blocks()[1]
        block = make.Block(
            number=2,
            previous=last.leaf_hash(),
            state=last.state,
            accounts=last.accounts,
            as_of=last.as_of,
            time=make.at(60),
            scorecard=last.scorecard,
            rules=last.rules,
            keys=last.keys,
            vrf=last.vrf,
        )
        more = [notice_entry(notices.encode(notice)), block.entry()]
        hashes = [*make.WORLD.leaf_hashes(), *map(merkle.leaf_hash, more)]
        size, reader = len(hashes), LeafReader(hashes)
        note = sign_checkpoint(make.LEDGER, Checkpoint(make.ORIGIN, size, merkle.root(hashes)))
        tlog = make.TlogProof(size - 1, tuple(merkle.inclusion_proof(size - 1, size, reader)), note)
        path = merkle.inclusion_proof(size - 2, size, reader)
        return build_erasure(notice, size - 2, path, block_json=block.encode(), tlog=tlog.encode())

    def head(self, size, *, hashes=None, log=None, witnesses=()):
        make = self.make
        log, hashes = log or make.LEDGER, hashes or make.WORLD.leaf_hashes()
        note = sign_checkpoint(log, Checkpoint(log.name, size, merkle.root(hashes[:size])))
        return note + b"".join(make.cosign(each, note, int(make.at(30).timestamp())) for each in witnesses)

    def consistency(self, old=10, new=15, *, path=None, **newest):
        reader = LeafReader(self.make.WORLD.leaf_hashes()[:new])
        hashes = merkle.consistency_proof(old, new, reader) if path is None else path
        return build_consistency(self.head(old), self.head(new, **newest), hashes)

    def forked(self):
        """The leaf hashes of a ledger that differs in the entry 12."""
        hashes = list(self.make.WORLD.leaf_hashes())
        hashes[12] = merkle.leaf_hash(event_entry(self.make.seed("another event")))
        return hashes

    def contradiction(self, index=12, *, second=None):
        """Two heads of different sizes, and the entry in which they differ."""
        true, false = self.make.WORLD.leaf_hashes(), second or self.forked()
        return build_contradiction(
            self.head(15),
            self.head(14, hashes=false),
            index=index,
            leaves=(true[index], false[index]),
            paths=(
                merkle.inclusion_proof(index, 15, LeafReader(true)),
                merkle.inclusion_proof(index, 14, LeafReader(false[:14])),
            ),
        )

    def subtree_contradiction(self, *, level=1, index=6, size=14):
        """The same, by the hashes of a complete subtree."""
        trees = self.make.WORLD.leaf_hashes(), self.forked()
        readers = LeafReader(trees[0]), LeafReader(trees[1][:size])
        sizes = (15, size)
        return build_contradiction(
            self.head(15),
            self.head(size, hashes=trees[1]),
            level=level,
            index=index,
            leaves=[merkle.root(tree[index << level : (index + 1) << level]) for tree in trees],
            paths=[
                merkle.subtree_proof(level, index, n, reader)
                for n, reader in zip(sizes, readers, strict=True)
            ],
        )

    def overdue(self, *, receipt=None, key=None):
        """A receipt whose time was over at the last block, an hour after the admission."""
        make = self.make
        promised = Receipt(make.ORIGIN, parse_batch(make.BATCH).batch_hash, 3, make.at(-7200), make.at(-3600))
        signer = self.signer((key or make.SERVICE.verifier).encode(), None)
        block, tlog = make.WORLD.blocks()[1].encode(), make.WORLD.tlog().encode()
        return build_overdue(receipt or promised.sign(make.SERVICE), signer, block_json=block, tlog=tlog)

    def filed(self, position=0):
        """Where an event was filed."""
        make, citizen = self.make, ("uci:17", "uci:17", "uci:18")[position]
        entries = make.citizen_entries(citizen)
        index = make.EVENT_INDEX + position
        place = [at for at, _ in entries].index(index)
        leaves = [merkle.leaf_hash(entry) for _, entry in entries]
        path = merkle.inclusion_proof(place, len(leaves), LeafReader(leaves))
        proof = make.WORLD.proof(("history", "score"), citizen=citizen)
        return filed_fields(proof, account.salt(make.salt_key(citizen), "event", index), place, path)

    def heads_of_one_size(self, first=None, second=None):
        return build_contradiction(first or self.head(15), second or self.head(15, hashes=self.forked()))


def changed(proof, **fields):
    return canon.encode(canon.decode_object(proof) | fields)


def without(proof, *names):
    return canon.encode(
        {name: value for name, value in canon.decode_object(proof).items() if name not in names}
    )


def valid_cases(make):
    claims, case = Claims(make), make.case
    next_to, beside = claims.absent_at(leaf=True)
    empty, alone = claims.absent_at(leaf=False)
    return [
        case("history: all events", claims.history(), identifier=CITIZEN),
        case("history: nobody asked whose", claims.history(), policy=make.POLICY_WITNESSED),
        case("history: one was destroyed", claims.history(gone=(0,)), identifier=CITIZEN),
        case("history: all were destroyed", claims.history(gone=(0, 1))),
        case("absent: another file is where it would be", beside, identifier=next_to),
        case("absent: nothing is where it would be", alone, identifier=empty),
        case("absent: nobody asked whose", beside),
        case("event: the first of its batch", claims.event()),
        case("event: the last of its batch", claims.event(2), policy=make.POLICY_WITNESSED),
        case("event: in its citizen's file", claims.event(1, filed=claims.filed(1)), identifier=CITIZEN),
        case("event: alone in its citizen's file", claims.event(2, filed=claims.filed(2)), policy=make.POLICY_WITNESSED),
        case("erasure: one entry, by time", claims.erasure()),
        case("erasure: two entries, asked for", claims.erasure((11, 13), "erasure")),
        case("consistency", claims.consistency()),
        case("consistency: from nothing", claims.consistency(0)),
        case("consistency: the same", claims.consistency(15)),
        case("consistency: with witnesses", claims.consistency(9, witnesses=make.WITNESSES), policy=make.POLICY_WITNESSED),
        case("contradiction: one size", claims.heads_of_one_size()),
        case("contradiction: two sizes", claims.contradiction()),
        case("contradiction: two sizes, by a subtree", claims.subtree_contradiction()),
        case("overdue", claims.overdue()),
        case("overdue: with witnesses", claims.overdue(), policy=make.POLICY_WITNESSED),
    ]  # fmt: skip


def invalid_cases(make):
    claims = Claims(make)
    _, beside = claims.absent_at(leaf=True)
    history, event, erasure = claims.history(), claims.event(), claims.erasure()
    consistency, contradiction = claims.consistency(), claims.contradiction()
    events = canon.decode_object(history)["events"]
    note = canon.decode_object(event)["note"]
    notice = canon.decode_object(erasure)["notice"]
    path = canon.decode_object(event)["path"]
    stranger = make.signer("stranger.example")
    of_another = make.LINES[0].replace(b'"uci:17"', b'"uci:18"')

    subtree, overdue, filed = claims.subtree_contradiction(), claims.overdue(), claims.filed()
    event = changed(event, filed=filed)
    salt, name, told = filed["disclosures"][0]
    longer = [[salt, name, told | {"size": 3}]]

    def promise(block_by, *, origin=make.ORIGIN, by=make.SERVICE):
        return Receipt(origin, make.seed("a batch"), 3, make.at(-7200), block_by).sign(by)

    def refused(step, name, proof, **more):
        return make.case(name, proof, step=step, **more)

    return [
        refused(1, "history: events out of order", changed(history, events=events[::-1])),
        refused(4, "history: a line that is no event", changed(history, events=[[*events[0][:2], "{}"], events[1]])),
        refused(1, "history: the history is not shown", canon.encode(canon.decode_object(make.WORLD.proof(("score",))) | {"events": events, "kind": "history"})),
        refused(2, "history: too old", history, moment=make.at(172801)),
        refused(3, "history: another key", changed(history, key=make.key_of("uci:18").hex())),
        refused(4, "history: the first event left out", changed(history, events=events[1:])),
        refused(4, "history: the last event left out", changed(history, events=events[:1])),
        refused(4, "history: another line", claims.history(lines=[of_another, make.LINES[1]])),
        refused(4, "history: another salt", changed(history, events=[[events[1][0], *events[0][1:]], events[1]])),
        refused(4, "history: destroyed, it says", changed(history, events=canon.decode_object(claims.history(gone=(0,)))["events"])),
        refused(4, "history: of another citizen", history, identifier="uci:18"),
        refused(6, "history: the VRF proof of another key", changed(history, vrf=beside_vrf(make)), identifier=CITIZEN),
        refused(1, "absent: a leaf without a value", changed(beside, leaf=canon.decode_object(beside)["leaf"][:1])),
        refused(2, "absent: too far in the future", beside, moment=make.at(-301)),
        refused(3, "absent: a key that is there", changed(claims.absent_at(leaf=False)[1], key=make.key_of(CITIZEN).hex())),
        refused(3, "absent: an empty place, it says", without(beside, "leaf")),
        refused(3, "absent: the very leaf", present_as_absent(make)),
        refused(3, "absent: a leaf that is not on the way", elsewhere(make, claims)),
        refused(4, "absent: somebody else", beside, identifier=CITIZEN),
        refused(4, "absent: no identifier of any ledger", beside, identifier="uci:0"),
        refused(1, "event: a position before the log's begin", changed(event, position=11)),
        refused(1, "event: sides for no hash", changed(event, signer_sides="l" * 9)),
        refused(2, "event: below the quorum", changed(event, tlog=canon.decode_object(event)["tlog"].rsplit("—", 1)[0]), policy=make.POLICY_WITNESSED),
        refused(3, "event: a key that nobody registered", changed(event, signer=canon.decode_object(event)["signer"] | {"vkey": stranger.verifier.encode()})),
        refused(3, "event: a key that had ended", claims.event(key=make.LENDER_2.verifier.encode())),
        refused(4, "event: the signature is wrong", changed(event, note=make._spoil(note.encode(), make.LENDER).decode())),
        refused(4, "event: a second signature", changed(event, note=note + stranger.sign(b"x\n").decode().split("\n\n")[1])),
        refused(4, "event: the same signature twice", changed(event, note=note + note.split("\n\n")[1])),
        refused(4, "event: another event", changed(event, event=make.LINES[1].decode())),
        refused(4, "event: another position", changed(event, position=1)),
        refused(5, "event: another index", changed(event, index=12, position=0)),
        refused(5, "event: a hash of the path too few", changed(event, path=format_hashes(hashes_of(path, "path")[:-1]))),
        refused(1, "event: more of the account than the history", changed(event, filed=filed | {"disclosures": canon.decode_object(make.WORLD.proof(("history", "score")))["disclosures"], "digests": {name: digest for name, digest in filed["digests"].items() if name != "score"}})),
        refused(1, "event: filed without a salt", changed(event, filed={name: part for name, part in filed.items() if name != "salt"})),
        refused(6, "event: in the file of somebody else", claims.event(2, filed=filed)),
        refused(6, "event: at another position of the file", changed(event, filed=filed | {"position": 1})),
        refused(6, "event: with another salt", changed(event, filed=filed | {"salt": claims.filed(1)["salt"]})),
        refused(6, "event: in another account", changed(event, filed=filed | {"digests": claims.filed(2)["digests"]})),
        refused(6, "event: in a longer file", changed(event, filed=filed | {"disclosures": longer})),
        refused(6, "event: of another citizen than was asked for", event, identifier="uci:18"),
        refused(1, "erasure: another notice", changed(erasure, notice=canon.decode(notices.encode(make.NOTICES[5])))),
        refused(1, "erasure: entries that do not ascend", changed(erasure, notice=notice | {"entries": [11, 11]})),
        refused(3, "erasure: another entry", changed(erasure, notice=notice | {"entries": [12]})),
        refused(3, "erasure: another index", changed(erasure, index=14)),
        refused(1, "consistency: hashes of 31 bytes", changed(consistency, hashes="A" * 42)),
        refused(2, "consistency: another ledger's head", changed(consistency, old=claims.head(10, log=make.signer("credence.example/other")).decode())),
        refused(2, "consistency: below the quorum", consistency, policy=make.POLICY_WITNESSED),
        refused(3, "consistency: the older is the newer", build_consistency(claims.head(15), claims.head(10), ())),
        refused(3, "consistency: a fork", build_consistency(claims.head(13, hashes=claims.forked()), claims.head(15), hashes_of(canon.decode_object(claims.consistency(13))["hashes"], "hashes"))),
        refused(3, "consistency: a hash too few", claims.consistency(path=hashes_of(canon.decode_object(consistency)["hashes"], "hashes")[:-1])),
        refused(3, "consistency: a hash too many", claims.consistency(15, path=[bytes(32)])),
        refused(1, "contradiction: an index without leaves", without(contradiction, "leaves")),
        refused(2, "contradiction: a head that nobody signed", changed(contradiction, first=make._spoil(claims.head(15), make.LEDGER).decode())),
        refused(3, "contradiction: one head twice", claims.heads_of_one_size(second=claims.head(15))),
        refused(3, "contradiction: two sizes of one ledger", claims.heads_of_one_size(second=claims.head(14))),
        refused(3, "contradiction: the same leaf", claims.contradiction(11)),
        refused(1, "contradiction: a level without an index", changed(claims.heads_of_one_size(), level=1)),
        refused(3, "contradiction: level 0, said", changed(contradiction, level=0)),
        refused(3, "contradiction: another level", changed(subtree, level=2, index=3)),
        refused(3, "contradiction: a subtree that is not complete", changed(subtree, index=7)),
        refused(3, "contradiction: the same subtree", claims.subtree_contradiction(index=5)),
        refused(1, "overdue: no receipt", without(overdue, "receipt")),
        refused(2, "overdue: too old", overdue, moment=make.at(172801)),
        refused(3, "overdue: a lender's key", claims.overdue(key=make.LENDER.verifier)),
        refused(3, "overdue: a key that nobody registered", changed(overdue, signer=canon.decode_object(overdue)["signer"] | {"vkey": stranger.verifier.encode()})),
        refused(4, "overdue: the time is not over", claims.overdue(receipt=promise(make.at(0)))),
        refused(4, "overdue: another ledger's receipt", claims.overdue(receipt=promise(make.at(-1), origin="credence.example/other"))),
        refused(4, "overdue: signed by somebody else", claims.overdue(receipt=promise(make.at(-1), by=make.LENDER))),
        refused(4, "overdue: the signature is wrong", claims.overdue(receipt=make._spoil(promise(make.at(-1)), make.SERVICE))),
        refused(3, "contradiction: a leaf that is not there", changed(contradiction, leaves=[seed.hex() for seed in (make.seed("a"), make.seed("b"))])),
    ]  # fmt: skip


def beside_vrf(make):
    """The VRF proof of the right citizen by another key."""
    return (
        make.VrfKey.from_seed(make.seed("another vrf")).prove(make.citizen_alpha(make.ORIGIN, CITIZEN)).hex()
    )


def present_as_absent(make):
    """A citizen's own leaf, given as the other one."""
    key, world = make.key_of(CITIZEN), make.WORLD
    way = trie.NonMembership(world.siblings(), (key, world.accounts()[key]))
    return build_absent(
        key=key,
        vrf_proof=make.VRF.prove(make.citizen_alpha(make.ORIGIN, CITIZEN)),
        way=way,
        block_json=world.blocks()[1].encode(),
        tlog=world.tlog().encode(),
    )


def elsewhere(make, claims):
    """The leaf and siblings of a citizen who is there, for a key that is not on that way."""
    identifier, proof = claims.absent_at(leaf=True)
    taken = canon.decode_object(proof)["leaf"][0]
    other = next(
        each
        for each in make.CITIZENS
        if make.key_of(each).hex() != taken and make.key_of(each)[0] >> 7 != make.key_of(identifier)[0] >> 7
    )
    key = make.key_of(other)
    value = make.WORLD.accounts()[key]
    siblings = format_hashes(make.WORLD.siblings(other))
    return changed(proof, leaf=[key.hex(), value.hex()], trie=siblings)


def claims_file(make):
    """The file of vectors."""
    return {"valid": valid_cases(make), "invalid": invalid_cases(make)}
