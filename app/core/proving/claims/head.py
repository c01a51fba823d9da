"""What claims share: strict reading of their fields, and the block that they are about, under an accepted head."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from app.core import canon
from app.core.errors import CredenceError, FormatError, ProofError
from app.core.fields import format_instant, format_unpadded, hex32, unpadded
from app.core.log import merkle, tlogproof
from app.core.log.block import Block
from app.core.log.entries import block_entry
from app.core.state import vrf

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from app.core.canon import JSON
    from app.core.log.checkpoint import Cosignature
    from app.core.log.policy import Policy, VerifiedCheckpoint
    from app.core.log.tlogproof import TlogProof

CLAIM_BYTES_MAX: Final = 65_536
HASHES_MAX: Final = 256
_VRF_HEX: Final = rf"[0-9a-f]{{{2 * vrf.PROOF_SIZE}}}"
MAX_AGE_S_DEFAULT: Final = 48 * 3600
FUTURE_S_MAX: Final = 300  # clocks differ; five minutes is what a witness allows too


@dataclass(frozen=True, slots=True)
class Asked:
    """What the verifier brings along: a policy, the moment, how old things may be, and, if known, the citizen.

    A range credential also wants the verifier's own name, and the nonce that it gave, if it gave one.
    """

    policy: Policy
    at: dt.datetime
    max_age_s: int = MAX_AGE_S_DEFAULT
    identifier: str | None = None
    audience: str | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class BlockPart:
    """A block as a claim carries it, well-formed but not verified."""

    block: Block
    block_json: bytes
    tlog: TlogProof


@dataclass(frozen=True, slots=True)
class Head:
    """A block that a policy accepts: the last entry under a signed and cosigned checkpoint."""

    block: Block
    block_hash: bytes
    origin: str
    tree_size: int
    root: bytes
    cosignatures: tuple[tuple[str, int], ...]  # (witness, POSIX seconds): those that are recent


# ---- reading fields
# --------------------------------------------------------------------------------------------------


def read_claim(
    data: bytes,
    kind: str,
    fields: frozenset[str],
    *,
    optional: frozenset[str] = frozenset(),
    bytes_max: int = CLAIM_BYTES_MAX,
) -> dict[str, JSON]:
    """The fields of a claim of a kind, `v` and `kind` among them; FormatError when there are others, or too many bytes."""
    claim = canon.decode_object(data, bytes_max=bytes_max)
    if type(claim.get("v")) is not int or (claim["v"], claim.get("kind")) != (1, kind):
        raise FormatError(f"This is not a proof of kind {kind}, version 1.")
    needed = fields | {"v", "kind"}
    if not needed <= claim.keys() <= needed | optional:
        raise FormatError(f"A proof of kind {kind} has exactly the fields {', '.join(sorted(needed))}.")
    return claim


def text_of(value: JSON, field: str, length_max: int = CLAIM_BYTES_MAX) -> str:
    if not isinstance(value, str) or len(value) > length_max:
        raise FormatError(f"The field {field} is not a text of at most {length_max} characters.")
    return value


def integer_of(value: JSON, field: str, low: int = 0, high: int = canon.INTEGER_MAX) -> int:
    if type(value) is not int or not low <= value <= high:
        raise FormatError(f"The field {field} is not an integer in {low}..{high}.")
    return value


def list_of(value: JSON, field: str, count_max: int) -> list[JSON]:
    if not isinstance(value, list) or len(value) > count_max:
        raise FormatError(f"The field {field} is not a list of at most {count_max}.")
    return value


def hash_of(value: JSON, field: str) -> bytes:
    try:
        return hex32(value)
    except FormatError:
        raise FormatError(f"The field {field} is not 32 bytes in lower-case hex.") from None


def hashes_of(value: JSON, field: str, count_max: int = HASHES_MAX) -> tuple[bytes, ...]:
    """Hashes as one unpadded base64url text."""
    data = unpadded(value, f"The field {field}", chars_max=CLAIM_BYTES_MAX)
    if len(data) % 32 or len(data) > 32 * count_max:
        raise FormatError(f"The field {field} is not at most {count_max} hashes.")
    return tuple(data[at : at + 32] for at in range(0, len(data), 32))


def format_hashes(hashes: Sequence[bytes]) -> str:
    return format_unpadded(b"".join(hashes))


def vrf_of(value: JSON) -> bytes:
    """A VRF proof in unpadded base64url, or in the hex that proofs had before: those hold for ever."""
    if isinstance(value, str) and re.fullmatch(_VRF_HEX, value):
        return bytes.fromhex(value)
    proof = unpadded(value, "The field vrf")
    if len(proof) != vrf.PROOF_SIZE:
        raise FormatError(f"The field vrf is not {vrf.PROOF_SIZE} bytes in base64url without padding.")
    return proof


def block_part(claim: dict[str, JSON]) -> BlockPart:
    """The fields `block` and `tlog`."""
    value = claim["block"]
    if not isinstance(value, dict):
        raise FormatError("The field block is not an object.")
    block_json = canon.encode(value)
    return BlockPart(
        Block.parse(block_json), block_json, tlogproof.parse(text_of(claim["tlog"], "tlog").encode())
    )


def block_fields(block_json: bytes, tlog: bytes) -> dict[str, JSON]:
    """The same for building."""
    return {"block": orjson.loads(block_json), "tlog": tlog.decode()}


# ---- checking
# --------------------------------------------------------------------------------------------------


@contextmanager
def step(number: int, what: str) -> Iterator[None]:
    """Say in which step an error happened; its class and code stay."""
    try:
        yield
    except CredenceError as error:
        raise type(error)(f"step {number}, {what}: {error.detail}", code=error.code) from None


def check_head(part: BlockPart, asked: Asked) -> Head:
    """The block is the last entry of a tree whose head the policy accepts, and both are recent."""
    verified = check_log(part, asked.policy)
    recent = check_age(part.block, asked.policy, verified, asked.at, asked.max_age_s)
    return Head(
        block=part.block,
        block_hash=merkle.leaf_hash(block_entry(part.block_json)),
        origin=verified.checkpoint.origin,
        tree_size=verified.checkpoint.size,
        root=verified.checkpoint.root,
        cosignatures=tuple((cosignature.verifier.name, cosignature.time_s) for cosignature in recent),
    )


def check_log(part: BlockPart, policy: Policy) -> VerifiedCheckpoint:
    """The block is the last entry of a tree whose head the policy accepts."""
    if part.tlog.extra is not None:
        raise FormatError("the proof of inclusion has extra data")
    head = tlogproof.verify(part.tlog, block_entry(part.block_json), policy)
    if part.tlog.index != head.checkpoint.size - 1:
        raise ProofError("the block is not the last entry of the tree, so its state is not the newest")
    return head


def check_identity(block: Block, origin: str, key: bytes, vrf_proof: bytes, identifier: str) -> None:
    """The key is the VRF's output for this citizen in this ledger."""
    alpha = vrf.citizen_alpha(origin, identifier)
    try:
        found = vrf.citizen_key(vrf.verify(block.vrf, alpha, vrf_proof))
    except ProofError as error:
        raise ProofError(
            f"the file is not shown to be of the identifier that was given: {error.detail}"
        ) from None
    if found != key:
        raise ProofError("the file is not the one of the identifier that was given")


def check_age(
    block: Block, policy: Policy, head: VerifiedCheckpoint, at: dt.datetime, max_age_s: int
) -> list[Cosignature]:
    """The cosignatures that are recent: a quorum; and the block is recent. Time 0 (none) never is."""
    now_s = int(at.timestamp())
    oldest_s, newest_s = now_s - max_age_s, now_s + FUTURE_S_MAX
    block_s = int(block.time.timestamp())
    if block_s > newest_s:
        raise ProofError(f"the block is of {format_instant(block.time)}, which is in the future")
    if block_s < oldest_s:
        raise ProofError(f"the block is of {format_instant(block.time)}, older than {duration_en(max_age_s)}")
    recent = [c for c in head.cosignatures if oldest_s <= c.time_s <= newest_s]
    keys = {cosignature.verifier for cosignature in recent}
    if not policy.satisfied(witness.name for witness in policy.witnesses if witness.verifier in keys):
        raise ProofError("the cosignatures of that age are below the policy's quorum", code="below-quorum")
    return recent


def duration_en(seconds: int) -> str:
    """`90 seconds`, `48 hours`: in the largest unit of which there are at least two, rounded down."""
    count, unit = _largest_unit(seconds)
    name = ("second", "minute", "hour", "day")[unit]
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def duration_zh(seconds: int) -> str:
    """The same in Chinese."""
    count, unit = _largest_unit(seconds)
    return f"{count} {('秒', '分钟', '小时', '天')[unit]}"


def _largest_unit(seconds: int) -> tuple[int, int]:
    """(count, unit) with unit 0 seconds, 1 minutes, 2 hours, 3 days; counts are rounded down from two up."""
    for unit, size in ((3, 86400), (2, 3600), (1, 60)):
        if seconds >= 2 * size or seconds == size:
            return seconds // size, unit
    return seconds, 0
