"""Range credentials: "the score is at least 650" from a hash chain, and nothing more.

For a score v between `low` and `high` the bureau draws a seed and hashes it once for each step down to `low`; the last
value is the commitment. Whoever has the seed can stop on the way, at any t up to v, and no further up:

    seed = N(v) -> N(v-1) -> ... -> N(t) -> ... -> N(low) = commitment        F("G", t, N(t)) = N(t-1)

From N(t) anybody gets to the commitment in t - low steps, which tells that v >= t; where the chain began is not to be seen.
The mirrored chain (`L`) goes up to `high` and shows v <= t. Each step hashes the context, so a chain is good for one
citizen, block, holder, audience and expiry. Example, with v = 640:

    down = Chain("G", terms.context, 300, 850)
    value, commitment = down.walk(640, seed, 600)
    assert down.end(600, value) == commitment

Walking takes `high - low` hashes whatever the score is, so that the time does not tell it.

Source: docs/formats.md section 16; design.md, "Range credential" (hash chains as in Rivest and Shamir's PayWord).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Literal

from app.core import canon
from app.core.errors import FormatError, RuleError
from app.core.fields import format_instant, hex32, parse_instant

if TYPE_CHECKING:
    import datetime as dt

    from app.core.reporting.event_types import Answer

CONTEXT: Final = "credence/range@v1"
PRESENTATION: Final = "credence/presentation@v1"
AT_LEAST: Final = "G"
AT_MOST: Final = "L"
LIFETIME_S_DEFAULT: Final = 86_400
NOTE_BYTES_MAX: Final = 4_096
_STEP: Final = b"credence.chain\0"

Direction = Literal["G", "L"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a credential is bound to. `block_hash` is the leaf hash of the block that has the score; `holder` a key's text."""

    origin: str
    key: bytes
    credential: str
    block_hash: bytes
    holder: str
    audience: str
    expires: dt.datetime
    low: int
    high: int

    @classmethod
    def of_answer(cls, origin: str, key: bytes, block_hash: bytes, answer: Answer) -> Terms:
        """The terms of the credential that an answer gives; `block_hash` is that of the block which it names."""
        given = answer.range
        assert given is not None, "the answer gives a credential"
        return cls(
            origin=origin,
            key=key,
            credential=given.credential,
            block_hash=block_hash,
            holder=given.holder,
            audience=answer.recipient,
            expires=parse_instant(given.expires),
            low=given.low,
            high=given.high,
        )

    @property
    def context(self) -> bytes:
        """32 bytes in every step of both chains."""
        return sha256(
            canon.encode(
                [
                    CONTEXT,
                    self.origin,
                    self.key.hex(),
                    self.credential,
                    self.block_hash.hex(),
                    self.holder,
                    self.audience,
                    format_instant(self.expires),
                    self.low,
                    self.high,
                ]
            )
        ).digest()


def seed_of(salt_key: bytes, direction: Direction, context: bytes) -> bytes:
    """Where a chain begins: random to whoever has not got the citizen's salt key, and the same for every auditor who has."""
    return hmac.digest(salt_key, CONTEXT.encode() + b"\0" + direction.encode() + context, "sha256")


def step(direction: Direction, score: int, context: bytes, value: bytes) -> bytes:
    """From the value at `score` to the one next to it: below for `G`, above for `L`."""
    return sha256(_STEP + direction.encode() + score.to_bytes(2, "big") + context + value).digest()


@dataclass(frozen=True, slots=True)
class Chain:
    """One direction of one credential."""

    direction: Direction
    context: bytes
    low: int
    high: int

    def __post_init__(self) -> None:
        assert 0 <= self.low < self.high < 1 << 16, "scores have 16 bits"

    @property
    def _scores(self) -> range:
        """The scores in the order of the hashing; the last one's value is the commitment."""
        return (
            range(self.high, self.low - 1, -1)
            if self.direction == AT_LEAST
            else range(self.low, self.high + 1)
        )

    def commitment(self, score: int, seed: bytes) -> bytes:
        """Where a chain ends that begins with the seed at the score."""
        return self._values(score, seed)[-1]

    def prove(self, score: int, seed: bytes, threshold: int) -> bytes:
        """The value at a threshold. RuleError when the score does not reach it, or when it says nothing."""
        self.check_threshold(threshold)
        values, scores = self._values(score, seed), self._scores
        if scores.index(threshold) < scores.index(score):
            word = "at least" if self.direction == AT_LEAST else "at most"
            raise RuleError(
                f"the score is not {word} {threshold}, so nobody can prove that it is", code="not-in-range"
            )
        return values[scores.index(threshold)]

    def end(self, threshold: int, value: bytes) -> bytes:
        """The commitment that a value at a threshold leads to. RuleError for a threshold that says nothing."""
        self.check_threshold(threshold)
        head, context, scores = _STEP + self.direction.encode(), self.context, self._scores
        # `step` in one line: hundreds of them are most of a check
        for score in scores[scores.index(threshold) : -1]:
            value = sha256(head + score.to_bytes(2, "big") + context + value).digest()
        return value

    def check_threshold(self, threshold: int) -> None:
        """RuleError unless it lies in the range and is not its trivial end."""
        if threshold not in self._scores[:-1]:
            what = (
                f"a score in {self.low}..{self.high}, other than {self._scores[-1]}: that would say nothing"
            )
            raise RuleError(f"the threshold {threshold} is not {what}", code="bad-threshold")

    def _values(self, score: int, seed: bytes) -> list[bytes]:
        """A value for every score, in their order. Those before the chain's own begin are hashed all the same, and mean
        nothing: the time must not tell where it began.
        """
        scores = self._scores
        begin = scores.index(score)
        values = [seed]
        for place, at in enumerate(scores[:-1]):
            onward = step(self.direction, at, self.context, values[-1])
            values.append((seed, onward)[place >= begin])
        return values


def chains(terms: Terms) -> tuple[Chain, Chain]:
    """Both chains of a credential: at least, and at most."""
    context = terms.context
    return tuple(Chain(d, context, terms.low, terms.high) for d in (AT_LEAST, AT_MOST))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Attested:
    """What the bureau signs: the context, both commitments, and the commitment of the answer event that has them too."""

    origin: str
    context: bytes
    commitment_ge: bytes
    commitment_le: bytes
    answer: bytes

    def text(self) -> bytes:
        """The text of the note."""
        hashes = (self.context, self.commitment_ge, self.commitment_le, self.answer)
        return "\n".join([CONTEXT, self.origin, *(each.hex() for each in hashes), ""]).encode()

    @classmethod
    def parse(cls, text: bytes) -> Attested:
        """What a note's text says. FormatError."""
        lines = text.decode().split("\n")
        if len(lines) != 7 or lines[0] != CONTEXT or lines[6]:
            raise FormatError(f"The bureau's note has six lines and begins with {CONTEXT}.")
        return cls(lines[1], *(hex32(line) for line in lines[2:6]))


def presentation_text(
    context: bytes, audience: str, at_least: int | None, at_most: int | None, nonce: str
) -> bytes:
    """What the holder signs; what is not there is an empty line."""
    thresholds = ("" if each is None else str(each) for each in (at_least, at_most))
    return "\n".join([PRESENTATION, context.hex(), audience, *thresholds, nonce, ""]).encode()
