"""A real ledger read over HTTP by software that we did not write: golang.org/x/mod and transparency-dev's modules.

What holds is read to the end; then one thing at a time is changed, and has to be refused.
"""

from __future__ import annotations

import os
import re
import shlex
from base64 import b64encode
from pathlib import Path

from app.core.log import merkle, tiles
from app.core.log.checkpoint import Checkpoint, parse_note, sign_checkpoint
from app.core.log.note import Signer
from app.core.log.witness import AddCheckpoint
from tests.interop.conftest import lying, refused
from tests.interop.test_go_proofs import PROOFS, policy_of

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"


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
    return AddCheckpoint(heads[0].size, tuple(hashes), new.read_bytes()).encode()


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


# -- What docs/interop.md says --


def test_the_commands_print_what_the_page_says(grown, foreign, monkeypatch):
    monkeypatch.chdir(grown.folder)
    grown.file("request", request(grown, grown.heads[0], grown.heads[-1]))
    grown.file("policy", grown.get("policy"))
    grown.file("policy-witnessed", policy_of(grown, 2))
    for kind in ("score", "overdue", "contradiction, by a subtree"):
        grown.file(f"{kind.partition(',')[0]}.proof", PROOFS[kind](grown))
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
