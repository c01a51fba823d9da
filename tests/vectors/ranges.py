"""Range credentials on the tiny ledger of make.py, two blocks longer: an answer that gives one, and the block that holds it.

`Ranges(make)` is that ledger; `make` is the module of make.py, which loads this one.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import cached_property

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.core import canon
from app.core.fields import format_b64url32, format_instant, format_unpadded, unpadded
from app.core.log import merkle
from app.core.log.block import Block
from app.core.log.entries import batch_entry, event_entry
from app.core.log.merkle import LeafReader
from app.core.log.register import Register
from app.core.proving import range_credential
from app.core.proving.claims.range_proof import Grant, build_credential, present, signed
from app.core.proving.claims.signer import SignerPlace
from app.core.proving.holder import Assertion, Holder
from app.core.proving.range_credential import Attested, Terms

AUDIENCE = "bank.example/cards"
NONCE = "visit-7"
SCORE = 540
CITIZEN = "uci:17"


class Ranges:
    """`given` names what is not as usual: terms, the score, the signing key, what the bureau attests."""

    def __init__(self, make, **given):
        self.make, self.given = make, given

    # -- keys

    @cached_property
    def holder(self):
        return self.make.signer("phone")

    @cached_property
    def passkey(self):
        number = int.from_bytes(self.make.seed("the citizen's passkey"), "big") >> 1
        return ec.derive_private_key(number, ec.SECP256R1())

    @property
    def passkey_text(self):
        point = self.passkey.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return "es256:" + format_unpadded(point)

    # -- the credential

    @cached_property
    def terms(self):
        make = self.make
        usual = {
            "origin": make.ORIGIN,
            "key": make.key_of(CITIZEN),
            "credential": format_b64url32(make.seed("credential")),
            "block_hash": make.WORLD.blocks()[1].leaf_hash(),
            "holder": Holder.of(self.holder.verifier).text,
            "audience": AUDIENCE,
            "expires": make.at(86_400),
            "low": 300,
            "high": 850,
        }
        return Terms(**usual | {name: value for name, value in self.given.items() if name in usual})

    @cached_property
    def seeds(self):
        key = self.make.salt_key(CITIZEN)
        return tuple(range_credential.seed_of(key, d, self.terms.context) for d in "GL")

    @cached_property
    def commitments(self):
        score = self.given.get("score", SCORE)
        both = zip(range_credential.chains(self.terms), self.seeds, strict=True)
        return tuple(chain.commitment(score, seed) for chain, seed in both)

    @cached_property
    def answer(self):
        make, terms, (at_least, at_most) = self.make, self.terms, self.commitments
        return canon.encode(
            {
                "v": 1,
                "ledger": make.ORIGIN,
                "furnisher": "credence.example/bureau",
                "id": "019ab6a4-0000-7000-8000-0000000000aa",
                "type": "answer",
                "citizen": CITIZEN,
                "nonce": format_b64url32(make.seed("nonce of the answer")),
                "day": "2026-11-22",
                "time": format_instant(make.at(30)),
                "inquiry": terms.context.hex(),
                "recipient": terms.audience,
                "purpose": "self",
                "block": 1,
                "shown": [],
                "score": self.given.get("score", SCORE),
                "context": terms.context.hex(),
                "commitment_ge": at_least.hex(),
                "commitment_le": at_most.hex(),
                "credential": terms.credential,
                "holder": terms.holder,
                "expires": format_instant(terms.expires),
                "low": terms.low,
                "high": terms.high,
            }
        )

    @cached_property
    def note(self):
        usual = {
            "origin": self.make.ORIGIN,
            "context": self.terms.context,
            "commitment_ge": self.commitments[0],
            "commitment_le": self.commitments[1],
            "answer": hashlib.sha256(self.answer).digest(),
        }
        attested = Attested(**usual | self.given.get("attested", {}))
        return self.given.get("service", self.make.SERVICE).sign(attested.text())

    # -- the log

    @cached_property
    def block(self):
        make, last = self.make, self.make.WORLD.blocks()[1]
        return Block(
            number=2,
            previous=last.leaf_hash(),
            state=last.state,
            accounts=last.accounts,
            as_of=make.TODAY,
            time=make.at(60),
            scorecard=last.scorecard,
            rules=last.rules,
            keys=last.keys,
            vrf=last.vrf,
        )

    @cached_property
    def leaves(self):
        batch = batch_entry(hashlib.sha256(b"the batch of the answer").digest())
        answer = event_entry(hashlib.sha256(self.answer).digest())
        more = [batch, answer, self.block.entry()]
        return [*self.make.WORLD.leaf_hashes(), *map(merkle.leaf_hash, more)]

    def path(self, index):
        return merkle.inclusion_proof(index, len(self.leaves), LeafReader(self.leaves))

    def signer(self, key):
        register = Register.fold(enumerate(self.make.NOTICES))
        return SignerPlace.of(
            register, next(r for r in register.records() if r.vkey == key.verifier.encode())
        )

    @cached_property
    def tlog(self):
        make, size = self.make, len(self.leaves)
        note = make.sign_checkpoint(make.LEDGER, make.Checkpoint(make.ORIGIN, size, merkle.root(self.leaves)))
        moment = int(make.at(90).timestamp())
        note += b"".join(make.cosign(witness, note, moment) for witness in make.WITNESSES)
        return make.TlogProof(size - 1, tuple(self.path(size - 1)), note).encode()

    @cached_property
    def credential(self):
        """The holder's file."""
        make, terms, size = self.make, self.terms, len(self.leaves)
        usual = {
            "terms": terms,
            "vrf_proof": make.VRF.prove(make.citizen_alpha(make.ORIGIN, CITIZEN)),
            "block_json": self.block.encode(),
            "tlog": self.tlog,
            "scored_json": make.WORLD.blocks()[1].encode(),
            "scored_index": 14,
            "scored_path": self.path(14),
            "note": self.note,
            "index": size - 2,
            "path": self.path(size - 2),
            "signer": self.signer(self.given.get("service", make.SERVICE)),
        }
        return build_credential(Grant(**usual), self.given.get("score", SCORE), *self.seeds)

    # -- presentations

    def proof(self, *, nonce=NONCE, credential=None, **bounds):
        """Signed by the holder that the terms name."""
        text, draft = present(credential or self.credential, nonce=nonce, **bounds or {"at_least": 500})
        if self.terms.holder.startswith("es256:"):
            return signed(draft, self.assertion(text))
        return signed(draft, self.holder.sign_text(text).signature)

    def assertion(self, text, *, flags=0x05, kind="webauthn.get"):
        client = {
            "type": kind,
            "challenge": format_unpadded(hashlib.sha256(text).digest()),
            "origin": "https://credence.example",
        }
        client_data = json.dumps(client).encode()
        data = hashlib.sha256(b"credence.example").digest() + bytes([flags]) + bytes(4)
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        signature = self.passkey.sign(data + hashlib.sha256(client_data).digest(), algorithm)
        return Assertion(data, client_data, signature)


def changed(proof, **fields):
    return canon.encode(canon.decode_object(proof) | fields)


def without(proof, *names):
    return canon.encode({name: v for name, v in canon.decode_object(proof).items() if name not in names})


def case(make, name, proof, *, step=None, seconds=600, policy=None, **more):
    """A vector: the proof, what it is judged by, and the step that must refuse it (None: it holds)."""
    usual = {"identifier": None, "audience": AUDIENCE, "nonce": NONCE, "max_age_s": 172_800}
    return {
        "name": name,
        "step": step,
        "proof": proof.decode(),
        "policy": (policy or make.POLICY_ALONE).decode(),
        "at": format_instant(make.at(seconds)),
        **usual,
        **more,
    }


def valid_cases(make):
    usual = Ranges(make)
    passkey = Ranges(make, holder=usual.passkey_text)
    return [
        case(make, "at least", usual.proof(), identifier=CITIZEN),
        case(make, "at most", usual.proof(at_most=600)),
        case(make, "between", usual.proof(at_least=301, at_most=849)),
        case(make, "exactly", usual.proof(at_least=SCORE, at_most=SCORE)),
        case(make, "two witnesses", usual.proof(), policy=make.POLICY_WITNESSED),
        case(make, "by a passkey", passkey.proof(at_least=SCORE), identifier=CITIZEN),
        case(make, "without a nonce", usual.proof(nonce=""), nonce=None),
        case(make, "its nonce not asked for", usual.proof(), nonce=None),
        case(make, "a narrower range", Ranges(make, low=500, high=600).proof(at_least=501)),
        case(make, "in its last second", usual.proof(), seconds=86_399),
        case(make, "as long as can be", Ranges(make, expires=make.at(60 + 30 * 86_400)).proof()),
    ]


def invalid_cases(make):
    usual = Ranges(make)
    proof, other = usual.proof(), Ranges(make, credential=format_b64url32(make.seed("another credential")))
    passkey = Ranges(make, holder=usual.passkey_text)
    fields = canon.decode_object(proof)
    stranger = make.signer("other-phone")

    def refused(step, name, proof, **more):
        return case(make, name, proof, step=step, **more)

    def bound(name, score, source=proof):
        return changed(source, **{name: [score, canon.decode_object(source)[name][1]]})

    text, draft = present(usual.credential, at_least=500, nonce=NONCE)
    passkey_text, passkey_draft = present(passkey.credential, at_least=500, nonce=NONCE)
    return [
        refused(1, "empty", b""),
        refused(1, "a newline after it", proof + b"\n"),
        refused(1, "another version", changed(proof, v=2)),
        refused(1, "the credential itself", usual.credential),
        refused(1, "the score beside it", changed(proof, score=SCORE)),
        refused(1, "says nothing at all", without(proof, "at_least")),
        refused(1, "no signature", without(proof, "signature")),
        refused(1, "signature and assertion", changed(passkey.proof(), signature="AAAA")),
        refused(1, "an empty nonce", changed(proof, nonce="")),
        refused(1, "low is high", changed(proof, low=850)),
        refused(1, "below the scale", changed(proof, low=299)),
        refused(1, "above the scale", bound("at_least", 851)),
        refused(1, "at least more than at most", changed(usual.proof(at_least=500, at_most=600), at_most=[499, "00" * 32])),
        refused(1, "a short value", changed(proof, at_least=[500, "00" * 31])),
        refused(1, "a value too many", changed(proof, at_least=[*fields["at_least"], 1])),
        refused(1, "a holder of another kind", changed(proof, holder="rsa:" + "A" * 43)),
        refused(1, "an assertion of another type", signed(passkey_draft, passkey.assertion(passkey_text, kind="webauthn.create"))),
        refused(2, "another block", changed(proof, block=fields["scored"])),
        refused(2, "too old", proof, seconds=3700, max_age_s=3600),
        refused(2, "no quorum", changed(proof, tlog=fields["tlog"].rsplit("—", 1)[0]), policy=make.POLICY_WITNESSED),
        refused(3, "a lender's key", Ranges(make, service=make.LENDER).proof()),
        refused(3, "another holder", changed(proof, holder=Holder.of(stranger.verifier).text)),
        refused(3, "another audience", changed(proof, audience="bank.example/loans"), audience="bank.example/loans"),
        refused(3, "another ending", changed(proof, expires=format_instant(make.at(86_401)))),
        refused(3, "another citizen", changed(proof, key=make.key_of("uci:18").hex())),
        refused(3, "another credential's id", changed(proof, credential=other.terms.credential)),
        refused(3, "another range", changed(proof, low=400)),
        refused(3, "another block's score", changed(proof, scored=fields["block"], scored_index=17)),
        refused(3, "another credential's note", changed(proof, note=other.note.decode())),
        refused(3, "a changed note", changed(proof, note=fields["note"].replace(usual.commitments[0].hex(), "00" * 32))),
        refused(3, "a note signed twice", changed(proof, note=fields["note"] + fields["note"].rpartition("\n\n")[2])),
        refused(3, "a note of another ledger", Ranges(make, attested={"origin": "credence.example/other"}).proof()),
        refused(3, "another place in the register", changed(proof, signer_sides=fields["signer_sides"].translate({108: "r", 114: "l"}))),
        refused(4, "an answer that is not there", Ranges(make, attested={"answer": bytes(32)}).proof()),
        refused(4, "another place of the answer", changed(proof, index=15)),
        refused(4, "an answer before its score", changed(proof, index=13)),
        refused(4, "another place of the score", changed(proof, scored_index=13)),
        refused(4, "a truncated path", changed(proof, path=format_unpadded(unpadded(fields["path"], "path")[:-32]))),
        refused(5, "for somebody else", proof, audience="bank.example/loans"),
        refused(5, "nobody says for whom", proof, audience=None),
        refused(5, "another nonce", proof, nonce="visit-8"),
        refused(5, "no nonce where one was given", usual.proof(nonce="")),
        refused(5, "ended", proof, seconds=86_400),
        refused(5, "too long a life", Ranges(make, expires=make.at(61 + 30 * 86_400)).proof()),
        refused(5, "ended before it began", Ranges(make, expires=make.at(0)).proof(), seconds=-60),
        refused(6, "a higher threshold", bound("at_least", 501)),
        refused(6, "a lower threshold", bound("at_least", 499)),
        refused(6, "a lower bound above", bound("at_most", 599, usual.proof(at_most=600))),
        refused(6, "the commitment as a value", changed(proof, at_least=[301, usual.commitments[0].hex()])),
        refused(6, "at least the lowest says nothing", changed(proof, at_least=[300, usual.commitments[0].hex()])),
        refused(6, "at most the highest says nothing", changed(proof, at_most=[850, usual.commitments[1].hex()])),
        refused(6, "the chains swapped", changed(without(proof, "at_least"), at_most=fields["at_least"])),
        refused(6, "another credential's value", changed(proof, at_least=canon.decode_object(other.proof())["at_least"])),
        refused(6, "a value of nothing", changed(proof, at_least=[500, "00" * 32])),
        refused(7, "another holder's signature", signed(draft, stranger.sign_text(text).signature)),
        refused(7, "another nonce than was signed", changed(proof, nonce="visit-8"), nonce="visit-8"),
        refused(7, "a bound less than was signed", without(usual.proof(at_least=500, at_most=600), "at_most")),
        refused(7, "a truncated signature", signed(draft, usual.holder.sign_text(text).signature[:-1])),
        refused(7, "an assertion of an Ed25519 key", signed(draft, usual.assertion(text))),
        refused(7, "a signature of a passkey", signed(passkey_draft, bytes(64))),
        refused(7, "an assertion about something else", signed(passkey_draft, passkey.assertion(text))),
        refused(7, "nobody touched the passkey", signed(passkey_draft, passkey.assertion(passkey_text, flags=0))),
        refused(8, "another identifier", proof, identifier="uci:18"),
        refused(8, "another citizen's VRF proof", changed(proof, vrf=make.VRF.prove(make.citizen_alpha(make.ORIGIN, "uci:18")).hex()), identifier=CITIZEN),
    ]  # fmt: skip


def range_file(make):
    """The file of vectors."""
    usual = Ranges(make)
    down, up = range_credential.chains(usual.terms)
    return {
        "terms": {
            "origin": usual.terms.origin,
            "key": usual.terms.key.hex(),
            "credential": usual.terms.credential,
            "block_hash": usual.terms.block_hash.hex(),
            "holder": usual.terms.holder,
            "audience": usual.terms.audience,
            "expires": format_instant(usual.terms.expires),
            "low": usual.terms.low,
            "high": usual.terms.high,
        },
        "context": usual.terms.context.hex(),
        "salt_key": make.salt_key(CITIZEN).hex(),
        "score": SCORE,
        "seeds": [seed.hex() for seed in usual.seeds],
        "commitments": [each.hex() for each in usual.commitments],
        "at_least": {str(t): down.prove(SCORE, usual.seeds[0], t).hex() for t in (301, 500, 539, 540)},
        "at_most": {str(t): up.prove(SCORE, usual.seeds[1], t).hex() for t in (540, 541, 600, 849)},
        "answer": usual.answer.decode(),
        "credential_file": usual.credential.decode(),
        "valid": valid_cases(make),
        "invalid": invalid_cases(make),
    }


def moment(text):
    return dt.datetime.fromisoformat(text)
