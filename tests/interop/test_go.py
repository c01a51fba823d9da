"""A real ledger read over HTTP by software that we did not write: golang.org/x/mod and transparency-dev's modules.

What holds is read to the end; then one thing at a time is changed, and has to be refused.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from base64 import b64encode
from pathlib import Path

import pytest
import requests

from app.core import canon, cosignature, merkle, tiles
from app.core.checkpoint import Checkpoint, cosign, parse_note, sign_checkpoint
from app.core.note import COSIGNATURE_ED25519, COSIGNATURE_MLDSA44, NoteSignature, Signer, Verifier, split
from app.core.policy import Group, LogKey, Policy, Witness
from app.services import proofs
from tests.interop.conftest import lying

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
TIME_S = 1_793_592_000


def refused(seen):
    assert seen.code == 1, seen.said
    assert seen.said.splitlines()[-1].startswith("refused: "), seen.said
    return seen.said.splitlines()[-1]


# -- The log --


def test_the_whole_log_is_proved(grown, foreign):
    seen = foreign("log", grown.url, grown.vkey, *grown.heads)
    size, heads = grown.size, len(grown.heads) + 1  # the newest is read again from the server
    assert seen.said.splitlines() == [
        f"checkpoint: {grown.ledger.bureau.origin}, {size} entries",
        f"entries: {size} of {size} are proved by the tiles",
        f"blocks: {heads} of {heads} end their trees",
        f"growth: {heads * (heads - 1) // 2} of {heads * (heads - 1) // 2} pairs of heads are consistent",
    ]
    assert seen.code == 0


def test_tessera_reads_it_by_itself(grown, foreign):
    seen = foreign("tessera", grown.url, grown.vkey)
    files = len(current(grown.published(), grown.size))
    assert seen.said == f"tessera: {files} files of {grown.ledger.bureau.origin} are as its entries say\n"
    assert seen.code == 0


def current(published, size):
    """What a reader fetches who only knows the newest head, with the checkpoint."""
    names = {tile.path for level in (tiles.ENTRIES, 0, 1, 2) for tile in tiles.tiles_of(level, size)}
    return {name: published[name] for name in ("checkpoint", *names)}


def test_a_copy_of_the_log_is_as_good(grown, foreign):
    """Without this one, the tests below could not fail."""
    with lying(grown.published()) as url:
        assert foreign("log", url, grown.vkey, *grown.heads).code == 0
        assert foreign("tessera", url, grown.vkey).code == 0


def test_a_changed_bit_in_any_file_is_refused(grown, foreign):
    """By each of the two on its own; Tessera does not ask for the partial tiles of older heads."""
    published = grown.published()
    newest = current(published, grown.size)
    assert len(published) > len(newest) >= 10
    for name, body in published.items():
        for place in (0, 40, len(body) // 2) if name == "checkpoint" else (0, len(body) // 2, len(body) - 1):
            bent = bytearray(body)
            bent[place] ^= 0x10
            with lying(published | {name: bytes(bent)}) as url:
                refused(foreign("log", url, grown.vkey, *grown.heads))
                if name in newest:
                    refused(foreign("tessera", url, grown.vkey))


def test_a_missing_or_shorter_or_longer_file_is_refused(grown, foreign):
    published = grown.published()
    last = tiles.tile_at(0, grown.size // 256, grown.size).path
    for name in ("tile/0/001", "tile/entries/001", last):
        longer = published[name] + b"\0"
        for body in (None, published[name][:-1], longer):
            with lying(published | {name: body}) as url:
                refused(foreign("log", url, grown.vkey, *grown.heads))
                if (name, body) != (last, longer):  # Tessera cuts what stands behind a partial tile
                    refused(foreign("tessera", url, grown.vkey))


def test_two_entries_that_change_places_are_refused(grown, foreign):
    published = grown.published()
    name = "tile/entries/001"
    entries = tiles.decode_bundle(published[name], 256)
    entries[3], entries[4] = entries[4], entries[3]
    with lying(published | {name: tiles.encode_bundle(entries)}) as url:
        assert "entry 259: " in refused(foreign("log", url, grown.vkey, *grown.heads))
        refused(foreign("tessera", url, grown.vkey))


def test_a_log_that_has_shrunk_is_refused(grown, foreign):
    with lying(grown.published() | {"checkpoint": grown.heads[2].read_bytes()}) as url:
        said = refused(foreign("log", url, grown.vkey, *grown.heads))
    assert "has shrunk" in said


def test_another_history_under_the_ledgers_own_key_is_refused(grown, foreign):
    """The bureau signs a head of the same size over another root: its tiles cannot follow."""
    signer = grown.ledger.home.signer("ledger")
    head = parse_note(grown.heads[3].read_bytes())
    forked = sign_checkpoint(signer, Checkpoint(head.origin, head.size, merkle.leaf_hash(b"another")))
    said = refused(foreign("log", grown.url, grown.vkey, grown.file("forked.checkpoint", forked)))
    assert f"in the tree of {head.size} entries: downloaded inconsistent tile" in said
    with lying(grown.published() | {"checkpoint": forked}) as url:
        refused(foreign("tessera", url, grown.vkey))


def test_a_foreign_key_opens_nothing(grown, foreign):
    other = Signer.generate_from_seed(grown.ledger.bureau.origin, bytes(32)).verifier.encode()
    assert "no verifiable signatures" in refused(foreign("log", grown.url, other))


# -- Our proofs of growth, as a witness gets them --


def request(grown, old, new):
    """The body of a C2SP tlog-witness request."""
    heads = [parse_note(path.read_bytes()) for path in (old, new)]
    reader = tiles.TileReader(heads[1].size, lambda tile: grown.get(tile.path))
    hashes = merkle.consistency_proof(heads[0].size, heads[1].size, reader)
    lines = [f"old {heads[0].size}", *(b64encode(each).decode() for each in hashes), "", ""]
    return "\n".join(lines).encode() + new.read_bytes()


def test_our_consistency_proofs_between_all_heads(grown, foreign):
    for number, new in enumerate(grown.heads):
        for old in grown.heads[:number]:
            file = grown.file("request", request(grown, old, new))
            assert foreign("growth", grown.vkey, old, file).code == 0


def test_a_changed_consistency_proof_is_refused(grown, foreign):
    old, new = grown.heads[1], grown.heads[-1]
    lines = request(grown, old, new).split(b"\n")
    end = lines.index(b"")
    assert end >= 5
    for number in range(1, end):
        other = b64encode(merkle.leaf_hash(b"another"))
        for changed in ([], [other], [lines[number], other]):
            bent = [*lines[:number], *changed, *lines[number + 1 :]]
            refused(foreign("growth", grown.vkey, old, grown.file("request", b"\n".join(bent))))


# -- Notes --


def other_letter(match):
    return b"A" if match[0] != b"A" else b"B"


def test_batches_and_their_receipts(grown, foreign):
    desk = grown.ledger.lender
    vkey = desk.signer.verifier.encode()
    body = desk.batch([desk.statement(f"uci:{number}") for number in range(1, 8)], "other-people")
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
    later = receipt.content.replace(b"2026-", b"2027-", 1)
    assert later != receipt.content
    refused(foreign("note", service, grown.file("receipt", later)))


# -- Proofs, also with cosignatures --


class Ed25519Witness:
    def __init__(self, name, seed):
        self.signer = Signer.generate_from_seed(name, seed, COSIGNATURE_ED25519)
        self.verifier = self.signer.verifier

    def line(self, checkpoint):
        return cosign(self.signer, checkpoint, TIME_S)


class MlDsaWitness:
    def __init__(self, name, seed):
        from cryptography.hazmat.primitives.asymmetric import mldsa

        self.name, self.secret = name, mldsa.MLDSA44PrivateKey.from_seed_bytes(seed)
        self.verifier = Verifier(name, COSIGNATURE_MLDSA44, self.secret.public_key().public_bytes_raw())

    def line(self, checkpoint):
        raw = self.secret.sign(cosignature.mldsa44_message(split(checkpoint)[0], TIME_S, self.name))
        signature = cosignature.join_time(TIME_S, raw)
        return NoteSignature(self.name, self.verifier.key_id, signature).line()


WITNESSES = [
    Ed25519Witness("newspaper.example/w", b"n" * 32),
    Ed25519Witness("union.example/w", b"u" * 32),
    MlDsaWitness("university.example/w", b"v" * 32),
]


def policy_of(grown, threshold):
    """Cosignatures of so many of the three witnesses."""
    known = tuple(
        Witness(b"w%d" % number, each.verifier, b"https://witness.example/w")
        for number, each in enumerate(WITNESSES)
    )
    group = Group(b"some", threshold, tuple(each.name for each in known))
    return Policy((LogKey(grown.ledger.bureau.verifier),), known, (group,), b"some").encode()


def score_proof(grown, cosigners=()):
    """The score proof of a citizen, its head cosigned."""
    bureau = grown.ledger.bureau
    with bureau.transaction() as connection:
        person = bureau.people.find(connection, ["uci:3"])["uci:3"]
    claim = json.loads(proofs.score_proof(bureau, person.id))
    checkpoint = claim["tlog"].partition("\n\n")[2].encode()
    claim["tlog"] += b"".join(each.line(checkpoint) for each in cosigners).decode()
    return claim


def test_the_logs_part_of_a_score_proof(grown, foreign):
    policy = grown.file("policy", grown.get("policy"))
    seen = foreign("proof", policy, grown.file("score.proof", canon.encode(score_proof(grown))))
    assert (
        seen.said
        == f"block at {grown.size - 1} of {grown.ledger.bureau.origin}, in a head that the policy accepts\n"
    )
    assert seen.code == 0


@pytest.mark.parametrize("threshold", [1, 2, 3])
def test_a_quorum_of_cosignatures_of_both_types(grown, foreign, threshold):
    policy = grown.file("policy-witnessed", policy_of(grown, threshold))
    for chosen in range(8):
        cosigners = [each for number, each in enumerate(WITNESSES) if chosen >> number & 1]
        seen = foreign(
            "proof", policy, grown.file("score.proof", canon.encode(score_proof(grown, cosigners)))
        )
        if len(cosigners) >= threshold:
            assert seen.code == 0, seen.said
        else:
            assert "below the policy's quorum" in refused(seen)


def test_a_changed_proof_is_refused(grown, foreign):
    policy = grown.file("policy-witnessed", policy_of(grown, 3))
    claim = score_proof(grown, WITNESSES)
    good = canon.encode(claim)
    assert foreign("proof", policy, grown.file("score.proof", good)).code == 0
    lines = claim["tlog"].split("\n")
    wrong = [claim | {"block": claim["block"] | {field: value}} for field, value in
             (("state", "00" * 32), ("as_of", "2026-11-01"), ("block", 5), ("accounts", 1))]  # fmt: skip
    for number in range(len(lines) - 1):
        line = lines[number]
        if line:
            place = len(line) // 2
            bent = line[:place] + ("A" if line[place] != "A" else "B") + line[place + 1 :]
            wrong.append(claim | {"tlog": "\n".join([*lines[:number], bent, *lines[number + 1 :]])})
            wrong.append(claim | {"tlog": "\n".join([*lines[:number], *lines[number + 1 :]])})
    assert len(wrong) > 30
    for bent in wrong:
        refused(foreign("proof", policy, grown.file("bent.proof", canon.encode(bent))))


# -- What docs/interop.md says --


def test_the_commands_print_what_the_page_says(grown, foreign, monkeypatch):
    monkeypatch.chdir(grown.folder)
    grown.file("request", request(grown, grown.heads[0], grown.heads[-1]))
    grown.file("policy", grown.get("policy"))
    grown.file("policy-witnessed", policy_of(grown, 2))
    grown.file("score.proof", canon.encode(score_proof(grown)))
    other = Signer.generate_from_seed(grown.ledger.bureau.origin, bytes(32)).verifier.encode()
    names = {"$URL": grown.url, "$VKEY": grown.vkey, "$OTHER_VKEY": other}

    def again(block):
        lines = []
        for line in block[0].splitlines():
            if line.startswith("$ credence-interop "):
                seen = foreign(*(names.get(word, word) for word in shlex.split(line)[2:]))
                lines += [line, *seen.said.splitlines(), *([f"[exit code {seen.code}]"] if seen.code else [])]
        return "\n".join(lines) + "\n"

    text = PAGE.read_text(encoding="utf-8")
    printed = re.sub(r"(?<=```console\n).*?(?=```)", again, text, flags=re.DOTALL)
    if os.environ.get("CREDENCE_GOLDEN") == "write":
        PAGE.write_text(printed, encoding="utf-8")
        return
    assert printed.count("$ credence-interop") >= 5
    assert printed == text
