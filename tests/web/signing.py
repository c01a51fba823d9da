"""What static/sign is given of tests/vectors, and what the product makes of the same: both have to be equal, byte for byte."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from app.core import canon
from app.core.fields import format_b64url32, format_instant, uuid7
from app.core.log.note import Signer
from app.core.log.notices import possession_text

HERE = Path(__file__).parent
VECTORS = HERE.parent / "vectors"
ORIGIN = "credence.example/vectors"
NAME = "bank.example/cards"
MOMENT = dt.datetime(2026, 11, 22, 17, 5, 9, tzinfo=dt.UTC)  # the next day already, eight hours further east
RANDOM = bytes(range(200, 242))
LETTER = "019ab6a4-0000-7000-8000-000000000000"


def read(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


def signer():
    return Signer.generate_from_seed(NAME, bytes.fromhex(read("batch.json")["seed"]))


def given():
    batch, key = read("batch.json"), signer().encode()
    changed = key[:-2] + ("A" if key[-2] != "A" else "B") + key[-1]
    return {
        "key": key + "\n",
        "origin": ORIGIN,
        "batch": "2026-11",
        "letter": LETTER,
        "events": [json.loads(each["line"]) for each in batch["events"]],
        "values": [each["value"] for each in read("canonical-json.json")["valid"]],
        "ms": int(MOMENT.timestamp() * 1000),
        "random": list(RANDOM),
        "refused": ["", batch["vkey"], changed, key.replace("+3", "+4", 1), key.replace("cards", "loans")],
    }


def expected():
    batch, key = read("batch.json"), signer()
    instant = format_instant(MOMENT)
    line = json.loads(batch["events"][0]["line"])
    fresh = {"id": uuid7(int(MOMENT.timestamp() * 1000), RANDOM[:10]), "nonce": format_b64url32(RANDOM[10:])}

    def signed(*lines):
        return key.sign("".join(f"{each}\n" for each in lines).encode()).decode()

    return {
        "vkey": batch["vkey"],
        "extractable": False,
        "batch": batch["file"],
        "possession": key.sign(possession_text(ORIGIN, NAME, "bank", batch["vkey"])).decode(),
        "corrections": signed("credence/corrections@v1", ORIGIN, NAME, 7, instant),
        "letter": signed("credence/letter@v1", ORIGIN, NAME, LETTER, instant),
        "audit": signed("credence/audit@v1", ORIGIN, NAME, "case-1", instant),
        "canonical": [
            bytes.fromhex(each["canonical_hex"]).decode() for each in read("canonical-json.json")["valid"]
        ],
        "line": canon.encode(line | fresh).decode(),
        "day": "2026-11-23",
        "refused": ["Refused"] * 5,
    }
