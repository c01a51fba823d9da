"""One door for all claims: the module is found by the file's `kind`.

    verify_claim(data, Asked(policy, at), card=card, profile=CN).sentences("en")

A score proof (kind `score`) is `app.core.proving.proof`'s; `kind_of` tells which it is.

Source: docs/formats.md sections 10 and 15.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import FormatError
from app.core.proving.claims import (
    absent,
    contradiction,
    erasure,
    event,
    growth,
    history,
    overdue,
    range_proof,
)
from app.core.proving.claims.head import step

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.core.proving.claims.head import Asked
    from app.core.proving.claims.words import Claimed
    from app.core.scoring.profiles import Profile
    from app.core.scoring.scorecard import Card

SCORE: Final = "score"
PROOF_BYTES_MAX: Final = history.HISTORY_BYTES_MAX
_BY_KIND: Final[dict[str, Callable[[bytes, Asked], Claimed]]] = {
    absent.KIND: absent.verify_absent,
    erasure.KIND: erasure.verify_erasure,
    event.KIND: event.verify_event,
    growth.KIND: growth.verify_consistency,
    contradiction.KIND: contradiction.verify_contradiction,
    overdue.KIND: overdue.verify_overdue,
    range_proof.KIND: range_proof.verify_range,
}
KINDS: Final = (SCORE, history.KIND, *_BY_KIND)


def kind_of(data: bytes) -> str:
    """What a proof file claims. FormatError for what is none."""
    with step(1, "the form of the proof"):
        kind = canon.decode_object(data, bytes_max=PROOF_BYTES_MAX).get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise FormatError(f"This is not a proof of a known kind ({', '.join(KINDS)}).")
        return kind


def verify_claim(
    data: bytes, asked: Asked, *, card: Card | None = None, profile: Profile | None = None
) -> Claimed:
    """What a claim proves. FormatError, SignatureError, ProofError, RuleError."""
    kind = kind_of(data)
    if kind == history.KIND:
        return history.verify_history(data, asked, card=card, profile=profile)
    if kind == SCORE:
        raise FormatError("A score proof is verified by itself.")
    return _BY_KIND[kind](data, asked)
