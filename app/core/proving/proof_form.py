"""The form of a score proof: its parts as values, built from canonical pieces and parsed without slack.

This is step 1 of docs/formats.md section 10 and knows nothing of truth: whether the parts hold together is
decided in app.core.proving.proof. Building splices pieces that are canonical already (the block entry, the values
of the disclosures), so a proof costs microseconds; parsing refuses every byte that building would not have
written.

    key order of the file: block, digests, disclosures, key, kind, tlog, trie, v, vrf

Source: docs/formats.md sections 7 and 10.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import orjson

from app.core import canon
from app.core.errors import FormatError
from app.core.fields import b64url32, format_unpadded, hex32, parse_day
from app.core.log import tlogproof
from app.core.log.block import Block
from app.core.proving.claims.head import format_hashes, hashes_of, integer_of, vrf_of
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.core.state import account, vrf

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from app.core.canon import JSON
    from app.core.log.tlogproof import TlogProof

PROOF_BYTES_MAX: Final = 65_536
CRITERIA_MAX: Final = 64
REASONS_MAX: Final = 5  # four, and a fifth for inquiries alone (R30)
INSUFFICIENT: Final = ("too_young", "nothing_reported")

_FIELDS: Final = frozenset({"v", "kind", "key", "vrf", "disclosures", "digests", "trie", "block", "tlog"})
_SCORE_FIELDS: Final = frozenset({"as_of", "disputed", "scorecard", "until"})
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a receipt: `points` of at most `points_max`, because the file fell into bin `bin_index`."""

    name: str
    bin_index: int
    points: int
    points_max: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """How a score adds up: base + points of all criteria. Both tuples are empty for an insufficient file."""

    base: int
    criteria: tuple[Criterion, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoreValue:
    """The `score` disclosure. Exactly one of `score` (300 to 850) and `insufficient` (why not) says
    something.

    It holds for as_of <= day < until, unless new events come in. `disputed` items cannot lower it.
    """

    as_of: dt.date
    until: dt.date
    scorecard: bytes
    disputed: int
    score: int | None
    insufficient: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disclosed:
    """An account's disclosures, shown or hidden: `values` and `hidden` (digests) together have each name once."""

    salts: Mapping[str, bytes]
    values: Mapping[str, JSON]
    hidden: Mapping[str, bytes]

    def account_value(self) -> bytes:
        """The account value that these disclosures and digests make."""
        digests = []
        for name in account.NAMES:
            if name in self.hidden:
                digests.append(self.hidden[name])
            else:
                digests.append(
                    account.digest(account.disclosure_bytes(self.salts[name], name, self.values[name]))
                )
        return account.account_value(digests)


@dataclass(frozen=True, slots=True)
class ScoreProof:
    """A proof's parts, well-formed but not verified."""

    key: bytes
    vrf_proof: bytes
    shown: Disclosed
    siblings: tuple[bytes, ...]
    block: Block
    block_json: bytes
    tlog: TlogProof
    score: ScoreValue
    receipt: Receipt | None


# ---- building ---------------------------------------------------------------------------------------------


def build_score_proof(
    *,
    key: bytes,
    vrf_proof: bytes,
    shown: Mapping[str, bytes],
    hidden: Mapping[str, bytes],
    siblings: Sequence[bytes],
    block_json: bytes,
    tlog: bytes,
) -> bytes:
    """The canonical bytes of a score proof.

    `shown` has the bytes of disclosures by name, in the order of account.NAMES; `hidden` the 32-byte digest of
    every other name; `block_json` is the block entry without its kind byte; `tlog` the text of the tlog-proof.
    Pieces that are canonical already are put in as they are, so nothing large is encoded again.
    """
    assert [*shown] == [name for name in account.NAMES if name not in hidden], "each name once, in order"
    assert "score" in shown, "a score proof shows the score"
    assert (len(key), len(vrf_proof)) == (vrf.CITIZEN_KEY_SIZE, vrf.PROOF_SIZE), (len(key), len(vrf_proof))
    digests = ",".join([f'"{name}":"{hidden[name].hex()}"' for name in sorted(hidden)])
    parts = (
        (b'{"block":', block_json),
        (b',"digests":{', digests.encode()),
        (b'},"disclosures":[', b",".join(shown.values())),
        (b'],"key":"', key.hex().encode()),
        (b'","kind":"score","tlog":', orjson.dumps(tlog.decode())),
        (b',"trie":"', format_hashes(siblings).encode()),
        (b'","v":1,"vrf":"', format_unpadded(vrf_proof).encode()),
    )
    return b"".join(piece for part in parts for piece in part) + b'"}'


# ---- parsing ----------------------------------------------------------------------------------------------


def parse_score_proof(data: bytes) -> ScoreProof:
    """The parts of a `.proof` file; FormatError for any bytes that `build_score_proof` would not write."""
    if len(data) > PROOF_BYTES_MAX:
        raise FormatError(f"A score proof has at most {PROOF_BYTES_MAX} bytes.")
    fields = canon.decode_object(data)
    if fields.keys() != _FIELDS:
        raise FormatError(f"A score proof has exactly the fields {', '.join(sorted(_FIELDS))}.")
    if type(fields["v"]) is not int or (fields["v"], fields["kind"]) != (1, "score"):
        raise FormatError("This is not a score proof of version 1.")
    shown = disclosed(fields["disclosures"], fields["digests"])
    values = shown.values
    if "score" not in values:
        raise FormatError("A score proof shows the score.")
    block_json = canon.encode(_object(fields["block"], "block"))
    tlog = fields["tlog"]
    if not isinstance(tlog, str):
        raise FormatError("The field tlog is not a text.")
    score = parse_score(values["score"])
    receipt = _parse_receipt(values["receipt"]) if "receipt" in values else None
    if receipt is not None and score.score is None and (receipt.criteria or receipt.reasons):
        raise FormatError("A receipt without a score has neither criteria nor reasons.")
    return ScoreProof(
        key=_at("key", hex32, fields["key"]),
        vrf_proof=vrf_of(fields["vrf"]),
        shown=shown,
        siblings=hashes_of(fields["trie"], "trie"),
        block=Block.parse(block_json),
        block_json=block_json,
        tlog=tlogproof.parse(tlog.encode()),
        score=score,
        receipt=receipt,
    )


def _at(field: str, parse: Callable[[object], _T], value: object) -> _T:
    """Parse a field and say which one was wrong."""
    try:
        return parse(value)
    except FormatError as error:
        raise FormatError(f"The field {field} is wrong: {error.detail}.") from None


def _object(value: JSON, field: str) -> dict[str, JSON]:
    if not isinstance(value, dict):
        raise FormatError(f"The field {field} is not an object.")
    return value


def disclosed(items: JSON, digests: JSON) -> Disclosed:
    """The fields `disclosures` and `digests` of a proof."""
    salts, values = _parse_disclosures(items)
    hidden = _parse_digests(digests)
    if values.keys() & hidden.keys() or values.keys() | hidden.keys() != set(account.NAMES):
        raise FormatError("Each of the five disclosures is either shown or given as a digest, and only once.")
    return Disclosed(salts, values, hidden)


def _parse_disclosures(items: JSON) -> tuple[dict[str, bytes], dict[str, JSON]]:
    """(salts, values) by name."""
    if not isinstance(items, list) or len(items) > len(account.NAMES):
        raise FormatError("The disclosures are not a list of at most five.")
    salts: dict[str, bytes] = {}
    values: dict[str, JSON] = {}
    for item in items:
        if not isinstance(item, list) or len(item) != 3:
            raise FormatError("A disclosure is a list of salt, name and value.")
        salt, name, value = item
        if not isinstance(name, str) or name not in account.NAMES:
            raise FormatError("A disclosure has one of the five names of an account.")
        if name in values:
            raise FormatError(f"The disclosure {name} is there twice.")
        salts[name] = _at(f"salt of {name}", b64url32, salt)
        values[name] = _object(value, name)
    if list(values) != [name for name in account.NAMES if name in values]:
        raise FormatError("The disclosures are not in their order.")
    return salts, values


def _parse_digests(value: JSON) -> dict[str, bytes]:
    items = _object(value, "digests")
    if not items.keys() <= set(account.NAMES):
        raise FormatError("A digest has one of the five names of an account.")
    return {name: _at(f"digest of {name}", hex32, text) for name, text in items.items()}


def parse_score(value: JSON) -> ScoreValue:
    fields = _object(value, "score")
    extra = fields.keys() - _SCORE_FIELDS
    if not fields.keys() >= _SCORE_FIELDS or extra not in ({"score"}, {"insufficient"}):
        raise FormatError("A score has as_of, disputed, scorecard, until, and either score or insufficient.")
    return ScoreValue(
        as_of=_at("score.as_of", parse_day, fields["as_of"]),
        until=_at("score.until", parse_day, fields["until"]),
        scorecard=_at("score.scorecard", hex32, fields["scorecard"]),
        disputed=integer_of(fields["disputed"], "score.disputed", 0, canon.INTEGER_MAX),
        score=integer_of(fields["score"], "score.score", SCORE_MIN, SCORE_MAX) if "score" in fields else None,
        insufficient=_parse_insufficient(fields["insufficient"]) if "insufficient" in fields else (),
    )


def _parse_insufficient(value: JSON) -> tuple[str, ...]:
    reasons = _texts(value, "score.insufficient", len(INSUFFICIENT))
    if not reasons or not set(reasons) <= set(INSUFFICIENT):
        raise FormatError(f"The field score.insufficient is a list of {' or '.join(INSUFFICIENT)}.")
    return reasons


def _parse_receipt(value: JSON) -> Receipt:
    fields = _object(value, "receipt")
    if fields.keys() != {"base", "criteria", "reasons"}:
        raise FormatError("A receipt has exactly base, criteria and reasons.")
    items = fields["criteria"]
    if not isinstance(items, list) or len(items) > CRITERIA_MAX:
        raise FormatError(f"The criteria of a receipt are not a list of at most {CRITERIA_MAX}.")
    criteria = tuple(_parse_criterion(item) for item in items)
    names = [criterion.name for criterion in criteria]
    reasons = _texts(fields["reasons"], "receipt.reasons", REASONS_MAX)
    if len(set(names)) != len(names) or not set(reasons) <= set(names):
        raise FormatError("The criteria of a receipt are distinct, and its reasons are some of them.")
    return Receipt(integer_of(fields["base"], "receipt.base", 0, SCORE_MAX), criteria, reasons)


def _parse_criterion(item: JSON) -> Criterion:
    if not isinstance(item, list) or len(item) != 4:
        raise FormatError("A criterion is a list of name, bin, points and maximum.")
    (name,) = _texts(item[:1], "receipt.criteria", 1)
    points_max = integer_of(item[3], "maximum of a criterion", 0, SCORE_MAX)
    return Criterion(
        name,
        bin_index=integer_of(item[1], "bin of a criterion", 0, 1000),
        points=integer_of(item[2], "points of a criterion", 0, points_max),
        points_max=points_max,
    )


def _texts(value: JSON, field: str, count_max: int) -> tuple[str, ...]:
    """Distinct short names; FormatError for anything else."""
    if not isinstance(value, list) or len(value) > count_max:
        raise FormatError(f"The field {field} is not a list of at most {count_max}.")
    texts = [item for item in value if isinstance(item, str) and _NAME.fullmatch(item)]
    if len(texts) != len(value) or len(set(texts)) != len(texts):
        raise FormatError(f"The field {field} is not a list of distinct names.")
    return tuple(texts)
