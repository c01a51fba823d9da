"""Notes, cosignatures and every kind of proof about the log, judged by other people's software.

Of a .proof file that software checks what is about the log: heads, paths, batches, keys. The trie and what it discloses
are Credence's own, and left to `credence verify` and the second verifier of tests/vectors.
"""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
import requests

from app.core import canon
from app.core.errors import NotFoundError
from app.core.log import merkle
from app.core.log.checkpoint import Checkpoint, open_checkpoint, parse_note, sign_checkpoint
from app.core.log.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, Signer
from app.core.log.policy import Group, LogKey, Policy, Witness
from app.core.proving.claims.contradiction import build_contradiction
from app.core.proving.claims.contradiction import contradiction as found_contradiction
from app.core.proving.claims.range_proof import present, signed
from app.core.reporting.receipt import Receipt
from app.services.ledger import witnessing
from app.services.proving import claims, proofs, range_credentials
from tests.interop.conftest import HOLDER, refused
from tests.services.searching import searched

TIME_S = 1_793_592_000
SIGNERS = [
    Signer("newspaper.example/w", b"n" * 32, COSIGNATURE_ED25519),
    Signer("union.example/w", b"u" * 32, COSIGNATURE_ED25519),
    Signer("university.example/w", b"v" * 32, COSIGNATURE_MLDSA44),
]


# -- Notes --


def other_letter(match):
    return b"A" if match[0] != b"A" else b"B"


def test_batches_and_their_receipts(grown, foreign):
    desk = grown.ledger.lender
    vkey = desk.signer.verifier.encode()
    past = 365 * 6  # the server goes by the day of the machine, not of the ledger's clock
    body = desk.batch([desk.statement(f"uci:{number}", ago=past) for number in range(1, 8)], "other-people")
    receipt = requests.post(f"{grown.url}/v1/batches", data=body, timeout=10)
    assert receipt.status_code == 201
    batch = foreign("batch", vkey, grown.file("other.batch", body))
    assert batch.said.startswith(f"signed by {desk.signer.name}: 7 events, batch hash ")
    service = grown.ledger.home.signer("service").verifier.encode()
    seen = foreign("note", service, grown.file("receipt", receipt.content))
    assert seen.code == 0
    assert seen.said.split()[-4] == batch.said.split()[-1]  # the receipt is for this batch
    lines = body.split(b"\n")
    bent = {
        "an event less": [*lines[:3], *lines[4:]],
        "events in another order": [lines[0], lines[2], lines[1], *lines[3:]],
        "an event changed": [*lines[:3], lines[3].replace(b'"CNY"', b'"USD"'), *lines[4:]],
        "another count": [lines[0].replace(rb"\n7\n", rb"\n8\n"), *lines[1:]],
        "a false signature": [re.sub(rb"(?<=lender.example .{20}).", other_letter, lines[0]), *lines[1:]],
    }
    for what, changed in bent.items():
        assert changed != lines, what
        refused(foreign("batch", vkey, grown.file("bent.batch", b"\n".join(changed))))
    refused(foreign("batch", service, grown.file("other.batch", body)))
    later = receipt.content.split(b"\n")
    later[5] = b"2099-01-01T00:00:00Z"  # the instant by which it is in a block
    refused(foreign("note", service, grown.file("receipt", b"\n".join(later))))


# -- Cosignatures --


def policy_of(grown, threshold):
    """Cosignatures of so many of the three witnesses."""
    known = tuple(
        Witness(b"w%d" % number, each.verifier, b"https://witness.example/w")
        for number, each in enumerate(SIGNERS)
    )
    group = Group(b"some", threshold, tuple(each.name for each in known))
    return Policy((LogKey(grown.ledger.bureau.verifier),), known, (group,), b"some").encode()


@pytest.fixture(scope="module")
def cosigned(grown, tmp_path_factory):
    """The lines of each witness on the newest head, asked as the protocol says."""
    lines = []
    for signer in SIGNERS:
        witness = witnessing.Witness(
            tmp_path_factory.mktemp("witness"), [signer], [grown.ledger.bureau.verifier], lambda: TIME_S
        )
        lines.append(witness.add_checkpoint(b"old 0\n\n" + grown.heads[-1].read_bytes()))
    return lines


def person(grown, citizen):
    with grown.ledger.bureau.transaction() as connection:
        return grown.ledger.bureau.people.find(connection, [citizen])[citizen].id


def score_proof(grown, cosignatures=b""):
    """The score proof of a citizen, its head cosigned."""
    claim = canon.decode_object(proofs.score_proof(grown.ledger.bureau, person(grown, "uci:3")))
    return canon.encode(claim | {"tlog": claim["tlog"] + cosignatures.decode()})


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_a_quorum_of_our_witnesses_of_both_types(grown, foreign, cosigned, threshold):
    policy = grown.file("policy-witnessed", policy_of(grown, threshold))
    for chosen in range(8):
        lines = [line for number, line in enumerate(cosigned) if chosen >> number & 1]
        seen = foreign("proof", policy, grown.file("score.proof", score_proof(grown, b"".join(lines))))
        if len(lines) >= threshold:
            assert seen.code == 0, seen.said
        else:
            assert "below the policy's quorum" in refused(seen)


@pytest.mark.parametrize("signer", SIGNERS[1:], ids=["Ed25519", "ML-DSA-44"])
def test_we_verify_the_cosignature_of_their_witness(grown, foreign, signer):
    seen = foreign("cosign", signer.encode(), grown.heads[-1])
    assert seen.code == 0, seen.said
    opened = open_checkpoint(seen.said.encode(), grown.ledger.bureau.verifier, [signer.verifier])
    assert [each.verifier for each in opened.cosignatures] == [signer.verifier]


def test_a_changed_line_of_a_cosigned_proof_is_refused(grown, foreign, cosigned):
    policy = grown.file("policy-witnessed", policy_of(grown, 3))
    claim = canon.decode_object(score_proof(grown, b"".join(cosigned)))
    assert foreign("proof", policy, grown.file("score.proof", canon.encode(claim))).code == 0
    lines = claim["tlog"].split("\n")
    for number, line in enumerate(lines):
        if line:
            for other in ([bent(line)], []):
                tlog = "\n".join([*lines[:number], *other, *lines[number + 1 :]])
                refused(
                    foreign("proof", policy, grown.file("bent.proof", canon.encode(claim | {"tlog": tlog})))
                )


# -- Every kind of proof --

OUR_OWN = {"v", "key", "vrf", "trie", "leaf", "disclosures", "digests", "events"} | {
    *("filed", "credential", "holder", "audience", "expires", "low", "high", "at_least", "nonce", "signature")
}


def erasure(grown):
    """The proof of the one notice of destruction."""
    for index in range(grown.size - 1, 0, -1):
        try:
            return claims.erasure_at(grown.ledger.bureau, index)
        except NotFoundError:
            continue
    raise AssertionError("nothing was destroyed")


def shown_range(grown):
    """What the holder of a credential shows: that the score is at least 310."""
    credential = range_credentials.fetch(grown.ledger.bureau, "uci:800", grown.credential)
    text, draft = present(credential, nonce="n-1", at_least=310)
    return signed(draft, HOLDER.sign_text(text).signature)


def contradiction(grown, other_size):
    """Two heads that the ledger's key has signed: of one size, or of two with different hashes at one place."""
    signer, origin = grown.ledger.home.signer("ledger"), grown.ledger.bureau.origin
    if not other_size:
        head = parse_note(grown.heads[2].read_bytes())
        other = sign_checkpoint(signer, Checkpoint(origin, head.size, merkle.leaf_hash(b"another")))
        return build_contradiction(grown.heads[2].read_bytes(), other)
    leaves = [merkle.leaf_hash(b"%d" % number) for number in range(7)]
    forged = [*leaves[:4], merkle.leaf_hash(b"another"), *leaves[5:other_size]]
    sides = []
    for tree in (leaves, forged):
        note = sign_checkpoint(signer, Checkpoint(origin, len(tree), merkle.root(tree)))
        sides += [note, merkle.LeafReader(tree)]
    return found_contradiction(*sides)


def overdue(grown):
    """A receipt whose time is over, for a batch that was never taken in."""
    bureau, hour = grown.ledger.bureau, dt.timedelta(hours=1)
    search, note = searched(bureau, bytes(32))
    end = search.newest.time - hour
    return search.overdue(Receipt(bureau.origin, bytes(32), 1, end - hour, end).sign(bureau.service), note)


PROOFS = {
    "score": score_proof,
    "absent": lambda grown: claims.absence_of(grown.ledger.bureau, "uci:999"),
    "history": lambda grown: claims.history_of(grown.ledger.bureau, person(grown, "uci:3")),
    "event": lambda grown: claims.event_of(grown.ledger.bureau, grown.size - 120),
    "erasure": erasure,
    "range": shown_range,
    "consistency": lambda grown: claims.consistency_from(
        grown.ledger.bureau, parse_note(grown.heads[1].read_bytes()).size
    ),
    "overdue": overdue,
    "contradiction": lambda grown: contradiction(grown, other_size=0),
    "contradiction, by a leaf": lambda grown: contradiction(grown, other_size=5),
    "contradiction, by a subtree": lambda grown: contradiction(grown, other_size=6),
}


def bent(value):
    """Another value of the same form."""
    if isinstance(value, str):
        place = len(value) // 2
        other = {"l": "r", "r": "l", "0": "1", "A": "B"}.get(
            value[place], "0" if value[place].isdecimal() else "A"
        )
        return value[:place] + other + value[place + 1 :]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, list):
        return [bent(value[0]), *value[1:]]
    return value | {next(iter(value)): bent(next(iter(value.values())))}


@pytest.mark.parametrize("kind", PROOFS)
def test_the_logs_part_of_every_kind_of_proof(grown, foreign, kind):
    policy = grown.file("policy", grown.get("policy"))
    proof = PROOFS[kind](grown)
    seen = foreign("proof", policy, grown.file("good.proof", proof))
    assert seen.code == 0, seen.said
    assert seen.said.startswith(kind.partition(",")[0] + ": ")
    claim = json.loads(proof)
    for field in claim.keys() - OUR_OWN:
        changed = claim | {field: bent(claim[field])}
        assert changed != claim, field
        for worse in (changed, {name: value for name, value in claim.items() if name != field}):
            refused(foreign("proof", policy, grown.file("bent.proof", canon.encode(worse))))
    other = Signer(grown.ledger.bureau.origin, bytes(32)).verifier
    stranger = Policy((LogKey(other),), (), (), b"none").encode()
    refused(foreign("proof", grown.file("policy-other", stranger), grown.file("good.proof", proof)))
