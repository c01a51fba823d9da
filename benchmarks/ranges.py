"""Range credentials in one process: how long giving one takes, and how long and large it is to check a presentation.

The longest chains are checked: at least and at most the score itself. Three witnesses have cosigned, and the citizen is
identified.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from typing import TYPE_CHECKING

from app.core import canon
from app.core.errors import RuleError
from app.core.log.note import Signer
from app.core.log.policy import Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.range_proof import present, signed
from app.core.proving.claims.verify import verify_claim
from app.core.proving.holder import Holder
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.services.banks.inquiries import NotYetError
from app.services.proving.range_credentials import Issued, Wish, fetch, issue
from benchmarks.cosigning import cosigning_policy, with_cosignatures
from benchmarks.floors import seconds_each
from benchmarks.report import Report, Row, median
from benchmarks.report import at_most as within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.services.bureau import Bureau

SECTION = "Range credentials"
VERIFY_MS_MAX = 2
VERIFY_ROUNDS = 10  # one takes a fifth of a second: another's work would be all that is seen
AUDIENCE, NONCE = "bank.example", "visit-1"
WAIT_S = 60


def measure(report: Report, bureau: Bureau, identifiers: Sequence[str]) -> None:
    """While somebody else makes blocks."""
    holder = Signer.generate_from_seed("holder", secrets.token_bytes(32))
    wish = Wish(audience=AUDIENCE, holder=Holder.of(holder.verifier).text)
    given: list[tuple[str, Issued]] = []

    def give(citizen: str) -> None:
        try:
            given.append((citizen, issue(bureau, citizen, wish)))
        except RuleError:  # not sufficient for a score
            return

    took = seconds_each([lambda citizen=citizen: give(citizen) for citizen in identifiers])
    files = [_fetched(bureau, citizen, issued) for citizen, issued in given]
    policy, signers = cosigning_policy(bureau)
    proofs = [with_cosignatures(_shown(file, holder), signers) for file in files]
    sizes, took_to_verify = [len(proof) for proof in proofs], _verify_all(proofs, given, policy)
    verify_ms, floor_ms = 1000 * median(took_to_verify), 1000 / report.verifications
    report.add(
        SECTION,
        Row("giving one, durable", f"{1000 * median(took):.2f} ms"),
        Row("size of a presentation, three cosignatures, median and largest", _bytes(sizes)),
        Row(
            "checking a presentation, the longest chains, three cosignatures",
            f"{verify_ms:.2f} ms",
            f"{floor_ms:.2f} ms",
            f"{verify_ms / floor_ms:.0f} verifications",
            **within(verify_ms, VERIFY_MS_MAX, "ms"),
        ),
    )


def _bytes(sizes: Sequence[int]) -> str:
    return f"{median(sizes):,.0f} and {max(sizes):,} bytes"


def _fetched(bureau: Bureau, citizen: str, issued: Issued) -> bytes:
    end_s = time.monotonic() + WAIT_S
    while True:
        try:
            return fetch(bureau, citizen, issued.credential)
        except NotYetError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.2)


def _shown(credential: bytes, holder: Signer) -> bytes:
    """As much as can be said of it."""
    score = canon.decode_object(credential)["score"]
    assert isinstance(score, int)
    at_least = score if score > SCORE_MIN else None  # at the ends of the scale one of both says nothing
    at_most = score if score < SCORE_MAX else None
    text, draft = present(credential, at_least=at_least, at_most=at_most, nonce=NONCE)
    return signed(draft, holder.sign_text(text).signature)


def _verify_all(proofs: list[bytes], given: list[tuple[str, Issued]], policy: bytes) -> list[float]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    parsed = Policy.parse(policy)
    return seconds_each(
        [
            lambda proof=proof, who=who: verify_claim(
                proof, Asked(parsed, now, identifier=who, audience=AUDIENCE, nonce=NONCE)
            )
            for _ in range(VERIFY_ROUNDS)
            for proof, (who, _) in zip(proofs, given, strict=True)
        ]
    )
