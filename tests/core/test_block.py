"""Blocks: one canonical spelling, chained by leaf hashes."""

import dataclasses
import datetime as dt
import hashlib
import json

import pytest
import rfc8785

from app.core.errors import FormatError
from app.core.log.block import Block

BLOCK = Block(
    number=17,
    previous=b"\x01" * 32,
    state=b"\x02" * 32,
    accounts=30_000,
    as_of=dt.date(2026, 11, 22),
    time=dt.datetime(2026, 11, 22, 15, 24, tzinfo=dt.UTC),
    scorecard=b"\x03" * 32,
    rules=b"\x04" * 32,
    keys=b"\x05" * 32,
    vrf=b"\x06" * 32,
)


def test_the_formats_own_fields():
    assert BLOCK.encode() == rfc8785.dumps(
        {
            "v": 1, "block": 17, "previous": "01" * 32, "state": "02" * 32, "accounts": 30_000, "as_of": "2026-11-22", "time": "2026-11-22T15:24:00Z",
            "scorecard": "03" * 32, "rules": "04" * 32, "keys": "05" * 32, "vrf": "06" * 32,
        }
    )  # fmt: skip
    assert Block.parse(BLOCK.encode()) == BLOCK
    assert BLOCK.entry() == b"\x03" + BLOCK.encode()
    assert BLOCK.leaf_hash() == hashlib.sha256(b"\x00\x03" + BLOCK.encode()).digest()


def test_only_block_0_has_no_previous():
    first = dataclasses.replace(BLOCK, number=0, previous=bytes(32))
    assert Block.parse(first.encode()) == first
    for bad in (dataclasses.replace(BLOCK, number=0), dataclasses.replace(BLOCK, previous=bytes(32))):
        with pytest.raises(FormatError):
            Block.parse(bad.encode())


@pytest.mark.parametrize(
    ("name", "value"),
    [("v", 2), ("v", True), ("block", -1), ("block", "17"), ("block", True), ("accounts", -1), ("accounts", 2**53), ("accounts", 1.0), ("as_of", "2026-11-31"),
     ("time", "2026-11-22"), ("state", "02" * 31), ("state", 1), ("vrf", "0A" * 32), ("keys", None), ("extra", 1)],
)  # fmt: skip
def test_other_values(name, value):
    fields = json.loads(BLOCK.encode()) | {name: value}
    with pytest.raises(FormatError):
        Block.parse(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize("name", json.loads(BLOCK.encode()))
def test_a_missing_field(name):
    fields = json.loads(BLOCK.encode())
    del fields[name]
    with pytest.raises(FormatError):
        Block.parse(rfc8785.dumps(fields))


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", BLOCK.encode() + b"\n", BLOCK.encode().replace(b'"v":1', b'"v": 1'), b"x" * 3000],
)
def test_other_bytes(raw):
    with pytest.raises(FormatError):
        Block.parse(raw)
