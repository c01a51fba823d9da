"""Range credentials, audited: each is about the score that the account had, and commits to it and to nothing else.

A credential's verifier takes the bureau's word that its commitments are those of the score. Here the word is checked: the
answer event has the terms, the citizen's salt key gives the seeds, and the replay of the account gives the score.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import orjson
from msgspec import Struct

from app.core.proving import range_credential
from app.core.proving.range_credential import AT_LEAST, AT_MOST, Terms
from app.services.ledger.audit.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from app.core.reporting.event_types import Answer, RangeGiven
    from app.services.ledger.audit.block_audit import BlockFacts


class Given(Struct, frozen=True):
    """An answer that gives a credential: where it stands, and in which block."""

    place: str
    block: int
    event: Answer
    range: RangeGiven


class Scored(Struct, frozen=True):
    """What the replay made of the score at a block; None when its plaintext was destroyed."""

    block: int
    score: bytes | None


def check_credentials(
    given: Sequence[Given],
    scored: Sequence[Scored],
    blocks: Sequence[BlockFacts],
    *,
    origin: str,
    key: bytes,
    salt_key: bytes,
    salted_since: int = 0,
) -> list[Finding]:
    """Findings about a citizen's credentials; `scored` is in ascending order of blocks. Seeds of those from before block
    `salted_since` went with the salt key that made them.
    """
    return [
        Finding("events", each.place, what)
        for each in given
        for what in (
            *_wrong_score(each, scored),
            *(
                _wrong_commitments(each, blocks, origin=origin, key=key, salt_key=salt_key)
                if each.event.block >= salted_since
                else ()
            ),
        )
    ]


def _wrong_score(given: Given, scored: Sequence[Scored]) -> Iterator[str]:
    said, block = given.range.score, given.event.block
    at = bisect_right(scored, block, key=lambda each: each.block) - 1
    if block >= given.block or at < 0:
        yield f"a range credential names block {block}, where this citizen had no account by then"
        return
    score = scored[at].score
    if score is not None and orjson.loads(score).get("score") != said:
        should = orjson.loads(score).get("score", "none")
        yield f"a range credential was given for the score {said}, and in block {block} it is {should}"


def _wrong_commitments(
    given: Given, blocks: Sequence[BlockFacts], *, origin: str, key: bytes, salt_key: bytes
) -> Iterator[str]:
    said, block = given.range, given.event.block
    if block >= len(blocks) or not blocks[block].leaf_hash:
        return
    terms = Terms.of_answer(origin, key, blocks[block].leaf_hash, given.event)
    context = terms.context
    if said.context != context.hex():
        yield "the context of a range credential is not that of its terms"
        return
    for chain, commitment in zip(
        range_credential.chains(terms), (said.commitment_ge, said.commitment_le), strict=True
    ):
        seed = range_credential.seed_of(salt_key, chain.direction, context)
        if chain.commitment(said.score, seed).hex() != commitment:
            word = {AT_LEAST: "at least", AT_MOST: "at most"}[chain.direction]
            yield f"the commitment of a range credential to what the score is {word} is not that of {said.score}"
