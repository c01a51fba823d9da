"""Makes the test vectors of every format in docs/formats.md: `python tests/vectors/make.py` writes the *.json here.

One tiny ledger runs through all of them, made from fixed seeds (SHA-256 of a name), so the files come out the same
everywhere: ten notices and blocks, one batch of three events, five citizens, two witnesses. It is made with the
product's own code; tests/vectors/independent.py reads the files without it.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import importlib.util
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from app.core import canon
from app.core.fields import format_b64url32
from app.core.log import merkle, notices
from app.core.log.block import NO_PREVIOUS, Block
from app.core.log.checkpoint import Checkpoint, cosign, sign_checkpoint
from app.core.log.entries import batch_entry, event_entry, notice_entry
from app.core.log.governance import challenger_in_force, in_force
from app.core.log.merkle import LeafReader
from app.core.log.note import COSIGNATURE_ED25519, ED25519, Signer
from app.core.log.policy import Group, LogKey, Policy, Witness
from app.core.log.register import Register
from app.core.log.tlogproof import TlogProof
from app.core.proving.proof import build_score_proof
from app.core.reporting.batch import make_batch, parse_batch
from app.core.reporting.receipt import Receipt
from app.core.state import account, trie
from app.core.state.account_state import Opaque, opaque_hash
from app.core.state.vrf import VrfKey, citizen_alpha, citizen_key

HERE = Path(__file__).parent
ORIGIN = "credence.example/vectors"
TIME = dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC)
TODAY = dt.date(2026, 11, 22)


def seed(name):
    return hashlib.sha256(b"credence test vector: " + name.encode()).digest()


def signer(name, algorithm=ED25519):
    return Signer.generate_from_seed(name, seed(name), algorithm)


LEDGER = signer(ORIGIN)
SERVICE = signer("credence.example/service")
LENDER = signer("bank.example/cards")
LENDER_2 = Signer.generate_from_seed(LENDER.name, seed("second key"), ED25519)
WITNESSES = [
    signer("witness.example/one", COSIGNATURE_ED25519),
    signer("witness.example/two", COSIGNATURE_ED25519),
]
VRF = VrfKey.from_seed(seed("vrf"))
SCORECARD = hashlib.sha256(b'{"base":300,"name":"vectors","top":850,"v":1}').digest()
RULES = hashlib.sha256(canon.encode({"fold": 1, "profile": {"retention_years": 5}})).digest()
CITIZENS = [f"uci:{number}" for number in (17, 18, 19, 20, 21)]
POLICY_ALONE = Policy((LogKey(LEDGER.verifier),), (), (), b"none").encode()
POLICY_WITNESSED = Policy(
    (LogKey(LEDGER.verifier),),
    tuple(Witness(name, witness.verifier) for name, witness in zip((b"w1", b"w2"), WITNESSES, strict=True)),
    (Group(b"both", 2, (b"w1", b"w2")),),
    b"both",
).encode()


def at(seconds=0):
    return TIME + dt.timedelta(seconds=seconds)


NOW = at(600)  # when the proofs are judged, unless a case says otherwise


def b64(data):
    return base64.b64encode(data).decode()


# -- events, batch, receipt -------------------------------------------------------------------------------------


def event_lines():
    events = [
        {
            "type": "account_opened",
            "citizen": "uci:17",
            "day": "2026-09-01",
            "account": "c-1",
            "class": "card",
            "currency": "CNY",
            "limit_minor": 2000000,
        },
        {
            "type": "statement",
            "citizen": "uci:17",
            "day": "2026-10-31",
            "account": "c-1",
            "currency": "CNY",
            "balance_minor": -125,
            "minimum_minor": 0,
        },
        {
            "type": "status",
            "citizen": "uci:18",
            "day": "2026-10-31",
            "account": "c-2",
            "status": "late_30",
            "first_delinquent_on": "2026-09-15",
            "notified_on": "2026-10-20",
            "notified_by": "letter",
        },
    ]
    lines = []
    for number, event in enumerate(events):
        common = {
            "v": 1,
            "ledger": ORIGIN,
            "furnisher": LENDER.name,
            "id": f"019ab6a4-0000-7000-8000-{number:012x}",
            "nonce": format_b64url32(seed(f"nonce {number}")),
        }
        lines.append(canon.encode(event | common))
    return lines


LINES = event_lines()
BATCH = make_batch(LENDER, ORIGIN, "2026-11", LINES)
RECEIPT = Receipt(ORIGIN, parse_batch(BATCH).batch_hash, len(LINES), at(-60), at(3540)).sign(SERVICE)


# -- notices ----------------------------------------------------------------------------------------------------


def all_notices():
    return [
        notices.genesis(
            LEDGER.verifier,
            vrf_public=VRF.public,
            profile="cn",
            utc_offset_minutes=480,
            scheme="uci",
            random=seed("genesis"),
            time=at(-600),
        ),
        notices.key_registered(SERVICE, "service", ORIGIN, at(-590)),
        notices.key_registered(LENDER, "lender", ORIGIN, at(-580)),
        notices.key_registered(LENDER, "bank", ORIGIN, at(-570)),
        notices.scorecard_published(SCORECARD, "champion", at(-560).date(), at(-560)),
        notices.witness_policy(hashlib.sha256(POLICY_WITNESSED).digest(), at(-550)),
        notices.key_rotated(LENDER_2, "bank", ORIGIN, at(-540), old=LENDER),
        notices.key_revoked(LENDER_2.verifier, "bank", "the laptop was lost", at(-530)),
        notices.audit_opened("case-7", 0, 7, at(-520)),
    ]


NOTICES = all_notices()


# -- accounts ---------------------------------------------------------------------------------------------------

CRITERIA = [
    ["current_status", 0, 82, 82],
    ["late_30", 2, 41, 55],
    ["worst_24", 0, 48, 48],
    ["utilisation", 1, 69, 76],
]
SCORE = {
    "as_of": "2026-11-20",
    "disputed": 0,
    "scorecard": SCORECARD.hex(),
    "until": "2026-12-01",
    "score": 540,
}
SCORE_NONE = {name: value for name, value in SCORE.items() if name != "score"} | {
    "insufficient": ["too_young"]
}
VALUES = {
    "score": SCORE,
    "receipt": {"base": 300, "criteria": CRITERIA, "reasons": ["late_30", "utilisation"]},
    "file": {"accounts": {"bank.example/cards:c-1": {"class": "card", "currency": "CNY"}}},
    "flags": {"disputed": 0, "frozen": False, "repaired": False},
}
VALUES_NONE = VALUES | {"score": SCORE_NONE, "receipt": {"base": 300, "criteria": [], "reasons": []}}
BLOCK_NUMBER = 1
EVENT_INDEX = 11  # of the first event: after nine notices, block 0 and the batch entry


def key_of(citizen):
    return citizen_key(VRF.evaluate(citizen_alpha(ORIGIN, citizen)))


def salt_key(citizen):
    return seed(f"salt key of {citizen}")


def citizen_entries(citizen):
    """[(log index, citizen tree entry)]"""
    found = []
    for index, line in enumerate(LINES, EVENT_INDEX):
        if f'"{citizen}"'.encode() in line:
            leaf = merkle.leaf_hash(event_entry(hashlib.sha256(line).digest()))
            found.append(
                (index, account.citizen_entry(account.salt(salt_key(citizen), "event", index), index, leaf))
            )
    return found


def values_of(citizen, values):
    entries = [entry for _, entry in citizen_entries(citizen)]
    root = merkle.root(map(merkle.leaf_hash, entries)) if entries else hashlib.sha256(b"").digest()
    history = {"opaque": hashlib.sha256(b"[]").hexdigest(), "root": root.hex(), "size": len(entries)}
    return {"history": history} | values


def disclosures_of(citizen, values):
    """{name: (salt, name, canonical value)} in order."""
    salts = account.salts(salt_key(citizen), BLOCK_NUMBER)
    return {
        name: (salt, name, canon.encode(values[name]))
        for salt, name in zip(salts, account.NAMES, strict=True)
    }


def digests_of(disclosures):
    return {name: account.digest(account.disclosure_of_json(*parts)) for name, parts in disclosures.items()}


# -- the ledger -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """A ledger of 15 entries; what the variants change is a field. `values` are those of uci:17."""

    values: dict = None
    time: dt.datetime = TIME
    as_of: dt.date = TODAY
    scorecard: bytes = SCORECARD
    vrf_public: bytes = VRF.public
    after: tuple = ()  # entries after the last block
    cosigned_s: int = 30  # when the witnesses cosigned: seconds after the block

    def accounts(self):
        """{citizen key: account value}"""
        values = dict.fromkeys(CITIZENS, VALUES_NONE) | {"uci:17": self.values or VALUES}
        result = {}
        for citizen, own in values.items():
            digests = digests_of(disclosures_of(citizen, values_of(citizen, own)))
            result[key_of(citizen)] = account.account_value([digests[name] for name in account.NAMES])
        return result

    def leaves(self):
        return sorted((key, trie.leaf_hash(key, value)) for key, value in self.accounts().items())

    def blocks(self):
        register = Register.fold(enumerate(NOTICES)).root()
        common = {"scorecard": self.scorecard, "rules": RULES, "keys": register, "vrf": self.vrf_public}
        first = Block(
            number=0,
            previous=NO_PREVIOUS,
            state=trie.EMPTY,
            accounts=0,
            as_of=min(TODAY, self.as_of),
            time=min(at(-500), self.time),
            **common,
        )
        leaves = self.leaves()
        second = Block(
            number=BLOCK_NUMBER,
            previous=first.leaf_hash(),
            state=trie.root(leaves),
            accounts=len(leaves),
            as_of=self.as_of,
            time=self.time,
            **common,
        )
        return first, second

    def entries(self):
        first, second = self.blocks()
        batch = parse_batch(BATCH)
        events = [event_entry(hashlib.sha256(line).digest()) for line in LINES]
        head = [notice_entry(notices.encode(notice)) for notice in NOTICES]
        return [*head, first.entry(), batch_entry(batch.batch_hash), *events, second.entry(), *self.after]

    def leaf_hashes(self):
        return [merkle.leaf_hash(entry) for entry in self.entries()]

    def checkpoint(self, *, log=LEDGER, witnesses=WITNESSES):
        hashes = self.leaf_hashes()
        note = sign_checkpoint(log, Checkpoint(log.name, len(hashes), merkle.root(hashes)))
        lines = [cosign(witness, note, int(self.time.timestamp()) + self.cosigned_s) for witness in witnesses]
        return note + b"".join(lines)

    def tlog(self, *, index=None, **checkpoint):
        hashes = self.leaf_hashes()
        index = len(hashes) - 1 - len(self.after) if index is None else index
        path = merkle.inclusion_proof(index, len(hashes), LeafReader(hashes))
        return TlogProof(index, tuple(path), self.checkpoint(**checkpoint))

    def siblings(self, citizen="uci:17"):
        return trie.prove(self.leaves(), key_of(citizen)).siblings

    def proof(self, shown=account.NAMES, *, citizen="uci:17", tlog=None, values=None, vrf=VRF):
        own = values or (self.values or VALUES if citizen == "uci:17" else VALUES_NONE)
        disclosures = disclosures_of(citizen, values_of(citizen, own))
        digests = digests_of(disclosures)
        return build_score_proof(
            key=key_of(citizen),
            vrf_proof=vrf.prove(citizen_alpha(ORIGIN, citizen)),
            shown={
                name: account.disclosure_of_json(*parts)
                for name, parts in disclosures.items()
                if name in shown
            },
            hidden={name: digest for name, digest in digests.items() if name not in shown},
            siblings=self.siblings(citizen),
            block_json=self.blocks()[1].encode(),
            tlog=(tlog or self.tlog()).encode(),
        )


WORLD = World()


# -- score proofs that hold, and ones that do not ---------------------------------------------------------------


def case(name, proof, *, step=None, policy=POLICY_ALONE, moment=NOW, max_age_s=172800, identifier=None):
    """A vector: the proof, what it is judged by, and the step that must refuse it (None: it holds)."""
    return {
        "name": name,
        "step": step,
        "proof": proof.decode(),
        "policy": policy.decode(),
        "at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "max_age_s": max_age_s,
        "identifier": identifier,
    }


def valid_cases():
    lean = WORLD.proof(("score",))
    return [
        case("everything is shown", WORLD.proof(), identifier="uci:17"),
        case("score alone, nobody asked whose", lean),
        case("score and receipt", WORLD.proof(("score", "receipt")), identifier="uci:17"),
        case("no score", WORLD.proof(("score", "receipt"), citizen="uci:18"), identifier="uci:18"),
        case(
            "the VRF proof in hex, as proofs had it before",
            changed(lean, vrf=hex_of_vrf(canon.decode_object(lean))),
            identifier="uci:17",
        ),
        case("two witnesses", lean, policy=POLICY_WITNESSED, identifier="uci:17"),
        case("cosignatures that the policy does not know are ignored", lean),
        case(
            "no cosignatures under a policy without witnesses",
            WORLD.proof(("score",), tlog=WORLD.tlog(witnesses=[])),
        ),
        case("exactly as old as allowed", lean, moment=at(172800)),
        case("five minutes in the future", lean, moment=at(-300)),
        case("first day of the leaf", World(as_of=dt.date(2026, 11, 20)).proof(("score",))),
        case("last day of the leaf", World(as_of=dt.date(2026, 11, 30)).proof(("score",))),
    ]


def changed(proof=None, **fields):
    """The proof with fields replaced, canonical again."""
    return canon.encode(canon.decode_object(proof or WORLD.proof()) | fields)


def hex_of_vrf(fields):
    """The VRF proof in the hex that proofs had before."""
    return base64.urlsafe_b64decode(fields["vrf"] + "=").hex()


def form_cases():
    proof = WORLD.proof()
    fields = canon.decode_object(proof)
    shown, path = fields["disclosures"], fields["trie"]
    lean = WORLD.proof(("score",))
    missing = {name: value for name, value in fields.items() if name != "vrf"}

    def with_score(**values):
        row = [shown[1][0], "score", SCORE | values]
        return changed(disclosures=[shown[0], row, *shown[2:]])

    return [
        case("empty", b"", step=1),
        case("not JSON", b"credence", step=1),
        case("a list", b"[]", step=1),
        case("a newline after it", proof + b"\n", step=1),
        case("spaces", json.dumps(fields, sort_keys=True, ensure_ascii=False).encode(), step=1),
        case(
            "keys not sorted",
            json.dumps(dict(reversed(fields.items())), ensure_ascii=False, separators=(",", ":")).encode(),
            step=1,
        ),
        case("a field twice", proof.replace(b'"kind":"score"', b'"kind":"score","kind":"score"'), step=1),
        case("a field too many", changed(extra=1), step=1),
        case("a field missing", canon.encode(missing), step=1),
        case("another version", changed(v=2), step=1),
        case("version true", changed(v=True), step=1),
        case("another kind", changed(kind="range"), step=1),
        case(
            "the score is not shown",
            changed(
                lean, disclosures=[], digests=fields["digests"] | dict.fromkeys(account.NAMES, "00" * 32)
            ),
            step=1,
        ),
        case("a name shown and hidden", changed(digests={"file": "00" * 32}), step=1),
        case("a name missing", changed(disclosures=shown[:-1]), step=1),
        case("a name twice", changed(disclosures=[shown[0], shown[0], *shown[1:]]), step=1),
        case("disclosures out of order", changed(disclosures=[shown[1], shown[0], *shown[2:]]), step=1),
        case("an unknown name", changed(disclosures=[*shown, [shown[0][0], "income", {}]]), step=1),
        case(
            "a salt of 31 bytes", changed(disclosures=[[shown[0][0][:-1], *shown[0][1:]], *shown[1:]]), step=1
        ),
        case("a float for a score", proof.replace(b'"score":540', b'"score":540.0'), step=1),
        case("no number for a score", with_score(score="540"), step=1),
        case("a score over 850", with_score(score=851), step=1),
        case("a score and why there is none", with_score(insufficient=["too_young"]), step=1),
        case("the key in capitals", changed(key=fields["key"].upper()), step=1),
        case("a VRF proof of 79 bytes", changed(vrf=fields["vrf"][4:]), step=1),
        case("a VRF proof of 79 bytes in hex", changed(vrf="0" * 158), step=1),
        case("a VRF proof with padding", changed(vrf=fields["vrf"] + "="), step=1),
        case("a VRF proof in capitals", changed(vrf=hex_of_vrf(fields).upper()), step=1),
        case("a path of 33 bytes", changed(trie=base64.urlsafe_b64encode(bytes(33)).decode()), step=1),
        case("a path with padding", changed(trie=path + "="), step=1),
        case(
            "a path of 257 siblings",
            changed(trie=base64.urlsafe_b64encode(bytes(257 * 32)).decode().rstrip("=")),
            step=1,
        ),
        case("a block with a field too many", changed(block=fields["block"] | {"x": 1}), step=1),
        case(
            "a block with a day that is none",
            changed(block=fields["block"] | {"as_of": "2026-02-30"}),
            step=1,
        ),
        case(
            "more than 65,536 bytes",
            changed(disclosures=[*shown[:3], [shown[3][0], "file", {"x": "x" * 65536}], shown[4]]),
            step=1,
        ),
    ]


def log_cases():
    lean = WORLD.proof(("score",))
    block = canon.decode_object(lean)["block"]
    tlog = WORLD.tlog()
    other = Signer.generate_from_seed(ORIGIN, seed("another ledger key"), ED25519)
    stranger = signer("credence.example/other")
    flipped = bytes([tlog.hashes[0][0] ^ 1]) + tlog.hashes[0][1:]
    one = WORLD.tlog(witnesses=WITNESSES[:1])
    impostor = Signer.generate_from_seed(WITNESSES[1].name, seed("impostor"), COSIGNATURE_ED25519)
    forged = cosign(
        WITNESSES[1], WORLD.checkpoint(), int(at(31).timestamp())
    )  # over another time than it says below
    forged = forged.replace(
        forged.split(b" ")[2],
        b64(
            base64.b64decode(forged.split(b" ")[2])[:11]
            + b"\0"
            + base64.b64decode(forged.split(b" ")[2])[12:]
        ).encode()
        + b"\n",
    )
    later = World(after=(event_entry(seed("one more")),))

    def proof_with(new):
        return WORLD.proof(("score",), tlog=new)

    return [
        case("another key of the same name has signed", proof_with(WORLD.tlog(log=other)), step=2),
        case("another ledger", proof_with(WORLD.tlog(log=stranger)), step=2),
        case(
            "the signature is wrong",
            proof_with(replace(tlog, checkpoint=_spoil(tlog.checkpoint, LEDGER))),
            step=2,
        ),
        case(
            "the root is another",
            proof_with(
                replace(
                    tlog,
                    checkpoint=tlog.checkpoint.replace(
                        tlog.checkpoint.split(b"\n")[2], b64(seed("root")).encode(), 1
                    ),
                )
            ),
            step=2,
        ),
        case(
            "a hash of the inclusion proof is another",
            proof_with(replace(tlog, hashes=(flipped, *tlog.hashes[1:]))),
            step=2,
        ),
        case(
            "a hash of the inclusion proof too few",
            proof_with(replace(tlog, hashes=tlog.hashes[:-1])),
            step=2,
        ),
        case(
            "a hash of the inclusion proof too many",
            proof_with(replace(tlog, hashes=(*tlog.hashes, flipped))),
            step=2,
        ),
        case("the index is another", proof_with(replace(tlog, index=tlog.index - 1)), step=2),
        case("the index is beyond the tree", proof_with(replace(tlog, index=99)), step=2),
        case("extra data", proof_with(replace(tlog, extra=b"x")), step=2),
        case("the block is not the last entry", later.proof(("score",)), step=2),
        case(
            "the block's state is another",
            changed(lean, block=block | {"state": seed("state").hex()}),
            step=2,
        ),
        case(
            "the block's time is another",
            changed(lean, block=block | {"time": "2026-11-22T15:24:01Z"}),
            step=2,
        ),
        case("one witness of two", proof_with(one), step=2, policy=POLICY_WITNESSED),
        case("no witness of two", proof_with(WORLD.tlog(witnesses=[])), step=2, policy=POLICY_WITNESSED),
        case(
            "a witness that nobody knows",
            proof_with(WORLD.tlog(witnesses=[WITNESSES[0], impostor])),
            step=2,
            policy=POLICY_WITNESSED,
        ),
        case(
            "a cosignature for another time",
            proof_with(replace(one, checkpoint=one.checkpoint + forged)),
            step=2,
            policy=POLICY_WITNESSED,
        ),
    ]


def _spoil(note, key):
    """The note with the last bit of this key's signature flipped."""
    lines = note.split(b"\n")
    for number, line in enumerate(lines):
        if line.startswith("— ".encode() + key.name.encode() + b" "):
            front, _, blob = line.rpartition(b" ")
            raw = base64.b64decode(blob)
            lines[number] = front + b" " + base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1]))
    return b"\n".join(lines)


def state_cases():
    lean = WORLD.proof(("score",))
    fields = canon.decode_object(lean)
    siblings = list(WORLD.siblings())

    def path(hashes):
        return base64.urlsafe_b64encode(b"".join(hashes)).decode().rstrip("=")

    salt, _, value = fields["disclosures"][0]
    flipped = bytes([siblings[0][0] ^ 1]) + siblings[0][1:]
    return [
        case(
            "the score is another",
            changed(lean, disclosures=[[salt, "score", value | {"score": 850}]]),
            step=3,
        ),
        case(
            "the salt is another",
            changed(lean, disclosures=[[format_b64url32(seed("salt")), "score", value]]),
            step=3,
        ),
        case(
            "a digest is another",
            changed(lean, digests=fields["digests"] | {"file": seed("file").hex()}),
            step=3,
        ),
        case(
            "two digests swapped",
            changed(
                lean,
                digests=fields["digests"]
                | {"file": fields["digests"]["flags"], "flags": fields["digests"]["file"]},
            ),
            step=3,
        ),
        case("a sibling is another", changed(lean, trie=path([flipped, *siblings[1:]])), step=3),
        case("a sibling too few", changed(lean, trie=path(siblings[1:])), step=3),
        case("an empty sibling too many", changed(lean, trie=path([*siblings, bytes(32)])), step=3),
        case("no siblings", changed(lean, trie=""), step=3),
        case("another citizen's key", changed(lean, key=key_of("uci:19").hex()), step=3),
        case("another citizen's path", changed(lean, trie=path(WORLD.siblings("uci:19"))), step=3),
    ]


def score_cases():
    points = [[name, index, 0 if name == "late_30" else own, top] for name, index, own, top in CRITERIA]
    return [
        case("another scorecard than the block's", World(scorecard=seed("card")).proof(("score",)), step=4),
        case("the day before the leaf", World(as_of=dt.date(2026, 11, 19)).proof(("score",)), step=4),
        case(
            "the day on which the leaf has run out",
            World(as_of=dt.date(2026, 12, 1)).proof(("score",)),
            step=4,
        ),
        case(
            "points that do not add up",
            World(values=VALUES | {"receipt": VALUES["receipt"] | {"criteria": points}}).proof(),
            step=4,
        ),
        case(
            "points over points: base of 299",
            World(values=VALUES | {"receipt": VALUES["receipt"] | {"base": 299}}).proof(),
            step=4,
        ),
    ]


def identity_cases():
    lean = WORLD.proof(("score",))
    fields = canon.decode_object(lean)
    foreign = VrfKey.from_seed(seed("another vrf"))
    cut = bytearray.fromhex(hex_of_vrf(fields))
    cut[40] ^= 1
    return [
        case("somebody else", lean, step=5, identifier="uci:18"),
        case("an identifier with a space", lean, step=5, identifier="uci:17 "),
        case("a VRF proof by another key", WORLD.proof(("score",), vrf=foreign), step=5, identifier="uci:17"),
        case("a changed VRF proof", changed(lean, vrf=bytes(cut).hex()), step=5, identifier="uci:17"),
        case(
            "a response that is not reduced",
            changed(lean, vrf=hex_of_vrf(fields)[:96] + "ff" * 32),
            step=5,
            identifier="uci:17",
        ),
        case(
            "a VRF key of small order",
            World(vrf_public=b"\1" + bytes(31)).proof(("score",)),
            step=5,
            identifier="uci:17",
        ),
    ]


def age_cases():
    lean = WORLD.proof(("score",))
    early = World(cosigned_s=-7200).proof(("score",))
    return [
        case("a second too old", lean, step=6, moment=at(172801)),
        case("a second too far in the future", lean, step=6, moment=at(-301)),
        case("older than an hour", lean, step=6, moment=at(3601), max_age_s=3600),
        case("old cosignatures", early, step=6, policy=POLICY_WITNESSED, moment=NOW, max_age_s=3600),
        case(
            "cosignatures of the future",
            World(cosigned_s=7200).proof(("score",)),
            step=6,
            policy=POLICY_WITNESSED,
            moment=at(600),
        ),
    ]


def invalid_cases():
    return [*form_cases(), *log_cases(), *state_cases(), *score_cases(), *identity_cases(), *age_cases()]


# -- the files --------------------------------------------------------------------------------------------------


def canonical_json():
    values = [
        {}, [], "", 0, -1, True, False, 2**53 - 1, -(2**53) + 1,
        {"b": 1, "a": 2, "A": 3, "aa": 4, "_": 5},
        "\u20ac$\u000f\nA'B\"\\\\\"/", "信用", "\U0001f600", "\u007f\u0080\u2028", "\b\t\n\f\r\u0000\u001f", [[[[]]]],
    ]  # fmt: skip
    refused = [
        b"", b" 1", b"1 ", b"1.0", b"1e3", b"-0", b"01", b"null", b"NaN", b"9007199254740992", b'{"b":1,"a":2}', b'{"a":1,"a":1}',
        b'{"a": 1}', b'"\\u0041"', b'"\\/"', b'"\\u000A"', b'"\\ud800"', b'"\xff"', b"[1,]", b'{"\xc3\xa9":1}', b"[" * 33 + b"]" * 33, b"\xef\xbb\xbf1",
    ]  # fmt: skip
    return {
        "valid": [{"value": value, "canonical_hex": canon.encode(value).hex()} for value in values],
        "refused_hex": [data.hex() for data in refused],
    }


def citizen_file():
    rows = []
    for citizen in [*CITIZENS, "cn:11010519491231002X"]:
        alpha = citizen_alpha(ORIGIN, citizen)
        rows.append(
            {
                "identifier": citizen,
                "alpha": alpha.decode(),
                "proof": VRF.prove(alpha).hex(),
                "beta": VRF.evaluate(alpha).hex(),
                "key": key_of(citizen).hex(),
            }
        )
    return {"origin": ORIGIN, "vrf_seed": seed("vrf").hex(), "vrf": VRF.public.hex(), "citizens": rows}


def batch_file():
    file = parse_batch(BATCH)
    events = [{"line": line.decode(), "commitment": hashlib.sha256(line).hexdigest()} for line in LINES]
    return {
        "seed": seed(LENDER.name).hex(), "vkey": LENDER.verifier.encode(), "file": BATCH.decode(), "batch_hash": file.batch_hash.hex(),
        "root": file.header.root.hex(), "events": events,
        "receipt": {"vkey": SERVICE.verifier.encode(), "note": RECEIPT.decode()},
    }  # fmt: skip


def notices_file():
    rows = []
    for index, notice in enumerate(NOTICES):
        entry = notice_entry(notices.encode(notice))
        register = Register.fold(enumerate(NOTICES[: index + 1]))
        rows.append(
            {
                "index": index,
                "entry_hex": entry.hex(),
                "leaf": merkle.leaf_hash(entry).hex(),
                "keys": register.root().hex(),
            }
        )
    return {"notices": rows}


# -- scorecards in force ----------------------------------------------------------------------------------------

PUBLISHED = [  # (log index, scorecard, role, from)
    (3, "A", "champion", "2026-01-01"), (20, "B", "challenger", "2026-03-01"), (30, "C", "champion", "2026-06-01"),
    (31, "D", "champion", "2026-06-01"), (40, "B", "champion", "2026-04-01"), (50, "A", "champion", "2026-03-31"),
    (60, "E", "challenger", "2026-06-01"), (70, "B", "champion", "2026-06-02"),
]  # fmt: skip


def scorecards_file():
    """Notices that publish cards, and for days and places in the log the champion and the challenger in force."""
    placed = []
    for index, name, role, from_day in PUBLISHED:
        card, first = seed(f"card {name}"), dt.date.fromisoformat(from_day)
        placed.append((index, notices.scorecard_published(card, role, first, at(-560))))
    days = sorted({day for _, _, _, first in PUBLISHED for day in (first, before(first))})
    cases = []
    for size in [0, *(index + 1 for index, _ in placed)]:
        for day in days:
            there = [(index, notice) for index, notice in placed if index < size]
            champion, challenger = in_force(there, day), challenger_in_force(there, day)
            cases.append(
                {
                    "behind": size,
                    "as_of": day,
                    "champion": champion and champion.scorecard,
                    "challenger": challenger and challenger.scorecard,
                }
            )
    rows = [{"index": index, "entry_hex": notice_entry(notices.encode(n)).hex()} for index, n in placed]
    return {"notices": rows, "cases": cases}


def before(day):
    return (dt.date.fromisoformat(day) - dt.timedelta(days=1)).isoformat()


def account_file():
    rows = []
    for citizen in CITIZENS:
        values = values_of(citizen, VALUES if citizen == "uci:17" else VALUES_NONE)
        disclosures = disclosures_of(citizen, values)
        digests = digests_of(disclosures)
        value = account.account_value([digests[name] for name in account.NAMES])
        rows.append({
            "citizen": citizen, "key": key_of(citizen).hex(), "salt_key": salt_key(citizen).hex(), "block": BLOCK_NUMBER,
            "disclosures": [[format_b64url32(salt), name, json.loads(text)] for salt, name, text in disclosures.values()],
            "digests": {name: digest.hex() for name, digest in digests.items()}, "value": value.hex(),
            "leaf": trie.leaf_hash(key_of(citizen), value).hex(),
            "history": [{"log_index": index, "entry_hex": entry.hex()} for index, entry in citizen_entries(citizen)],
        })  # fmt: skip
    return {"accounts": rows}


def trie_file():
    rows = []
    absent = [seed("absent 1"), seed("absent 2"), bytes(32), b"\xff" * 32]
    for count in range(len(CITIZENS) + 1):
        items = sorted((key_of(citizen), seed(f"value of {citizen}")) for citizen in CITIZENS[:count])
        leaves = [(key, trie.leaf_hash(key, value)) for key, value in items]
        paths = []
        for key in [*(key for key, _ in items), *absent]:
            path = trie.prove(leaves, key)
            other = (
                None
                if path.end is None or path.end[0] == key
                else [path.end[0].hex(), dict(items)[path.end[0]].hex()]
            )
            paths.append(
                {
                    "key": key.hex(),
                    "member": path.reaches(key),
                    "siblings": [s.hex() for s in path.siblings],
                    "other": other,
                }
            )
        rows.append(
            {
                "items": [[key.hex(), value.hex()] for key, value in items],
                "root": trie.root(leaves).hex(),
                "paths": paths,
            }
        )
    twins = [(bytes(31) + b"\0", seed("left")), (bytes(31) + b"\1", seed("right"))]
    leaves = [(key, trie.leaf_hash(key, value)) for key, value in twins]
    path = trie.prove(leaves, twins[0][0])
    rows.append(
        {
            "items": [[k.hex(), v.hex()] for k, v in twins],
            "root": trie.root(leaves).hex(),
            "paths": [
                {
                    "key": twins[0][0].hex(),
                    "member": True,
                    "siblings": [s.hex() for s in path.siblings],
                    "other": None,
                }
            ],
        }
    )
    return {"tries": rows}


def log_file():
    entries = WORLD.entries()
    hashes = WORLD.leaf_hashes()
    return {
        "vkey": LEDGER.verifier.encode(), "policy": POLICY_WITNESSED.decode(), "checkpoint": WORLD.checkpoint().decode(),
        "entries_hex": [entry.hex() for entry in entries], "roots": [merkle.root(hashes[:n]).hex() for n in range(len(hashes) + 1)],
        "blocks": [block.encode().decode() for block in WORLD.blocks()], "tlog_proof": WORLD.tlog().encode().decode(),
    }  # fmt: skip


# -- what was destroyed -----------------------------------------------------------------------------------------

DESTROYING = [  # (the block's first log index, its as_of, what its notice names, why)
    (20, "2031-11-03", [3, 9, 12], "retention"),  # 3 is somebody else's
    (30, "2032-02-29", [12, 17], "retention"),  # 12 is gone already
    (40, "2032-03-01", [44, 9], "retention"),  # 44 is not there yet
    (50, "2033-01-01", [7, 44], "erasure"),
]


def destroyed_file():
    events = [7, 9, 12, 17, 25, 44]
    parts, rows = {}, []
    for first_index, as_of, entries, reason in DESTROYING:
        notice = notices.destroyed(entries, reason, NOW)
        for index in entries:
            if index in events and index < first_index and events.index(index) not in parts:
                parts[events.index(index)] = Opaque(events.index(index), reason, as_of)
        opaque = sorted(parts.values())
        rows.append({
            "first_index": first_index, "as_of": as_of, "entry_hex": notice_entry(notices.encode(notice)).hex(),
            "opaque": [list(part) for part in opaque], "history_opaque": opaque_hash(opaque),
        })  # fmt: skip
    return {"events": events, "blocks": rows}


def beside(name):
    """A module of this folder, which is no package."""
    spec = importlib.util.spec_from_file_location(f"vectors_{name}", HERE / f"{name}.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def range_file():
    """Range credentials, which are in a file of their own: ranges.py."""
    return beside("ranges").range_file(sys.modules[__name__])


def claims_file():
    """The further claims, likewise: claims.py."""
    return beside("claims").claims_file(sys.modules[__name__])


def assertions_file():
    """What citizens sign with passkeys, likewise: signed.py."""
    return beside("signed").assertions_file(sys.modules[__name__])


def transitions_file():
    """Transition proofs, likewise: transitions.py."""
    return beside("transitions").transitions_file(sys.modules[__name__])


def files_file():
    """Folded files, likewise: files.py."""
    return beside("files").files_file(sys.modules[__name__])


FILES = {
    "canonical-json.json": canonical_json,
    "citizen-key.json": citizen_file,
    "batch.json": batch_file,
    "notices.json": notices_file,
    "scorecards.json": scorecards_file,
    "account.json": account_file,
    "destroyed.json": destroyed_file,
    "trie.json": trie_file,
    "log.json": log_file,
    "assertions.json": assertions_file,
    "claims.json": claims_file,
    "files.json": files_file,
    "range.json": range_file,
    "transitions.json": transitions_file,
    "score-proof-valid.json": lambda: {"cases": valid_cases()},
    "score-proof-invalid.json": lambda: {"cases": invalid_cases()},
}


def render(name):
    """The text of a vector file."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name in FILES:
        (HERE / name).write_text(render(name), encoding="utf-8")
