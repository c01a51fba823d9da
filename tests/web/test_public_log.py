"""The public log, read as an auditor reads it: over HTTP only, then recomputed."""

from __future__ import annotations

import base64
import gzip
import hashlib

from tests.web.conftest import CITIZEN


def newest(client):
    """(size, root) of the checkpoint, which is well-formed and signed by the ledger's key."""
    answer = client.get("/checkpoint")
    text, _, _signatures = answer.data.decode().partition("\n\n")
    _origin, size, root = text.split("\n")
    return int(size), base64.b64decode(root)


def tile_path(kind, index, width):
    assert index < 1000
    return f"/tile/{kind}/{index:03d}" + (f".p/{width}" if width < 256 else "")


def entries_of(bundle):
    entries, at = [], 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        entries.append(bundle[at + 2 : at + 2 + length])
        at += 2 + length
    return entries


def root_of(hashes):
    """RFC 6962 section 2.1, by its definition."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hashlib.sha256(b"\x01" + root_of(hashes[:half]) + root_of(hashes[half:])).digest()


def test_checkpoint_headers_and_signature(client, world):
    from app.core.log.note import open_note

    answer = client.get("/checkpoint")
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=1"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert open_note(answer.data, [world.bureau.verifier]).verified


def test_entries_and_hashes_lead_to_the_signed_root(client):
    size, root = newest(client)
    hashes, entries = b"", []
    for index in range(-(-size // 256)):
        width = min(256, size - 256 * index)
        tile = client.get(tile_path("0", index, width))
        assert (tile.status_code, tile.content_type, len(tile.data)) == (
            200,
            "application/octet-stream",
            32 * width,
        )
        assert tile.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert tile.headers["Access-Control-Allow-Origin"] == "*"
        hashes += tile.data
        bundle = client.get(tile_path("entries", index, width))
        assert (bundle.status_code, bundle.content_type) == (200, "application/octet-stream")
        entries += entries_of(bundle.data)
    leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    assert b"".join(leaves) == hashes
    assert root_of(leaves) == root


def test_nothing_personal_is_in_the_log(client):
    size, _ = newest(client)
    bundle = client.get(tile_path("entries", 0, min(size, 256))).data
    assert CITIZEN.encode() not in bundle
    assert b"card-1" not in bundle


def test_bundles_are_compressed_for_who_takes_it_and_tiles_are_not(client):
    size, _ = newest(client)
    path = tile_path("entries", 0, min(size, 256))
    plain = client.get(path)
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.data) == plain.data
    refused = client.get(path, headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in refused.headers
    assert (
        "Content-Encoding"
        not in client.get(tile_path("0", 0, min(size, 256)), headers={"Accept-Encoding": "gzip"}).headers
    )


def test_head_tells_the_same_without_the_body(client):
    head, get = client.head("/checkpoint"), client.get("/checkpoint")
    assert (head.status_code, head.data, head.content_length) == (200, b"", get.content_length)


def test_a_tile_of_the_future_is_not_there_and_nobody_keeps_that(client):
    size, _ = newest(client)
    answer = client.get(tile_path("0", 0, size + 1) if size < 255 else tile_path("0", 900, 256))
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_policy_is_one_that_verifiers_read(client, world):
    from app.core.log.policy import Policy

    answer = client.get("/policy")
    assert answer.content_type == "text/plain; charset=utf-8"
    Policy.parse(answer.data)
    assert world.bureau.genesis.vkey in answer.text
