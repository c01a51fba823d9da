"""`range`: a score is at least, at most, or between, shown once by its holder, and nothing more.

Three hands make it. The bureau builds a credential, which the holder keeps to himself; the holder presents it, which leaves
out the score and the seeds and adds one value of a chain and a signature; the audience verifies that.

    credential = build_credential(grant)                                            the bureau
    text, draft = present(credential, at_least=650, nonce="f81d4fae")               the holder, who signs the text
    proof = signed(draft, signature)
    verify_range(proof, Asked(policy, at, audience="bank.demo", nonce="f81d4fae"))  the audience

Source: docs/formats.md section 16.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson

from app.core import canon
from app.core.errors import FormatError, ProofError, RuleError
from app.core.field_types import HOLDER, NAME, REF
from app.core.fields import b64url32, format_instant, format_unpadded, parse_instant, unpadded
from app.core.log import merkle
from app.core.log.block import Block
from app.core.log.entries import block_entry, event_entry
from app.core.log.note import open_single
from app.core.proving import range_credential
from app.core.proving.claims import head as h
from app.core.proving.claims.range_words import say_range
from app.core.proving.claims.signer import SIGNER_FIELDS, SignerPlace
from app.core.proving.holder import Assertion, Holder
from app.core.proving.range_credential import AT_LEAST, AT_MOST, Attested, Chain, Terms
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN
from app.core.reporting.event_types import LIFETIME_S_MAX
from app.core.reporting.identifiers import check_identifier

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from app.core.proving.claims.head import Asked, BlockPart, Head
    from app.core.proving.claims.words import Claimed

KIND: Final = "range"
CREDENTIAL_KIND: Final = "credential"
ROLE: Final = "service"
_GRANTED: Final = frozenset(
    {
        "audience",
        "block",
        "credential",
        "expires",
        "high",
        "holder",
        "index",
        "key",
        "low",
        "note",
        "path",
        "scored",
        "scored_index",
        "scored_path",
        "tlog",
        "vrf",
        *SIGNER_FIELDS,
    }
)
_NAMES: Final[tuple[tuple[range_credential.Direction, str], ...]] = (
    (AT_LEAST, "at_least"),
    (AT_MOST, "at_most"),
)
_SECRET: Final = frozenset({"score", "seed_ge", "seed_le"})
_SHOWN: Final = frozenset({"assertion", "at_least", "at_most", "nonce", "signature"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the bureau gives: the terms, and where everything stands."""

    terms: Terms
    vrf_proof: bytes
    block_json: bytes
    tlog: bytes
    scored_json: bytes
    scored_index: int
    scored_path: Sequence[bytes]
    note: bytes
    index: int
    path: Sequence[bytes]
    signer: SignerPlace


@dataclass(frozen=True, slots=True)
class Presented:
    """A range proof, well-formed but not verified. `values` are N(t) by direction, with t."""

    part: BlockPart
    key: bytes
    vrf_proof: bytes
    credential: str
    holder: Holder
    audience: str
    expires: dt.datetime
    low: int
    high: int
    scored: Block
    scored_json: bytes
    scored_index: int
    scored_path: tuple[bytes, ...]
    note: bytes
    index: int
    path: tuple[bytes, ...]
    signer: SignerPlace
    values: dict[range_credential.Direction, tuple[int, bytes]]
    nonce: str
    signature: bytes | Assertion

    def terms(self, origin: str) -> Terms:
        """What the credential is bound to, in a ledger."""
        return Terms(
            origin=origin,
            key=self.key,
            credential=self.credential,
            block_hash=merkle.leaf_hash(block_entry(self.scored_json)),
            holder=self.holder.text,
            audience=self.audience,
            expires=self.expires,
            low=self.low,
            high=self.high,
        )

    def threshold(self, direction: range_credential.Direction) -> int | None:
        """The t of a direction, if it is shown."""
        return self.values[direction][0] if direction in self.values else None


# ---- making
# --------------------------------------------------------------------------------------------------


def build_credential(grant: Grant, score: int, seed_ge: bytes, seed_le: bytes) -> bytes:
    """The holder's file: it tells the score."""
    terms = grant.terms
    return canon.encode(
        h.block_fields(grant.block_json, grant.tlog)
        | grant.signer.fields()
        | {
            "audience": terms.audience,
            "credential": terms.credential,
            "expires": format_instant(terms.expires),
            "high": terms.high,
            "holder": terms.holder,
            "index": grant.index,
            "key": terms.key.hex(),
            "kind": CREDENTIAL_KIND,
            "low": terms.low,
            "note": grant.note.decode(),
            "path": h.format_hashes(grant.path),
            "score": score,
            "scored": orjson.loads(grant.scored_json),
            "scored_index": grant.scored_index,
            "scored_path": h.format_hashes(grant.scored_path),
            "seed_ge": seed_ge.hex(),
            "seed_le": seed_le.hex(),
            "v": 1,
            "vrf": format_unpadded(grant.vrf_proof),
        }
    )


def present(
    credential: bytes, *, at_least: int | None = None, at_most: int | None = None, nonce: str = ""
) -> tuple[bytes, dict[str, canon.JSON]]:
    """(the text that the holder signs, the proof but for the signature). FormatError; RuleError when it would be untrue."""
    claim = h.read_claim(credential, CREDENTIAL_KIND, _GRANTED | _SECRET)
    low, high = _range(claim)
    score = h.integer_of(claim["score"], "score", low, high)
    context = Attested.parse(h.text_of(claim["note"], "note").encode().partition(b"\n\n")[0] + b"\n").context
    audience = _matching(claim["audience"], NAME, "audience")
    if nonce:
        _matching(nonce, REF, "nonce")
    if at_least is None and at_most is None:
        raise RuleError("a presentation says at least, at most, or both", code="bad-threshold")
    if at_least is not None and at_most is not None and at_least > at_most:
        raise RuleError(f"nothing is at least {at_least} and at most {at_most}", code="bad-threshold")
    fields = {name: value for name, value in claim.items() if name not in _SECRET} | {"kind": KIND}
    if nonce:
        fields["nonce"] = nonce
    if at_least is not None:
        value = Chain(AT_LEAST, context, low, high).prove(
            score, h.hash_of(claim["seed_ge"], "seed_ge"), at_least
        )
        fields["at_least"] = [at_least, value.hex()]
    if at_most is not None:
        value = Chain(AT_MOST, context, low, high).prove(
            score, h.hash_of(claim["seed_le"], "seed_le"), at_most
        )
        fields["at_most"] = [at_most, value.hex()]
    return range_credential.presentation_text(context, audience, at_least, at_most, nonce), fields


def signed(draft: dict[str, canon.JSON], signature: bytes | Assertion) -> bytes:
    """The proof."""
    if isinstance(signature, Assertion):
        return canon.encode(draft | {"assertion": signature.as_json()})
    return canon.encode(draft | {"signature": format_unpadded(signature)})


# ---- reading and verifying
# --------------------------------------------------------------------------------------------------


def parse_range(data: bytes) -> Presented:
    """The proof of its file. FormatError."""
    claim = h.read_claim(data, KIND, _GRANTED, optional=_SHOWN)
    low, high = _range(claim)
    if ("signature" in claim) == ("assertion" in claim):
        raise FormatError("A range proof has either a signature or an assertion.")
    scored = claim["scored"]
    if not isinstance(scored, dict):
        raise FormatError("The field scored is not an object.")
    scored_json = canon.encode(scored)
    b64url32(claim["credential"])
    return Presented(
        part=h.block_part(claim),
        key=h.hash_of(claim["key"], "key"),
        vrf_proof=h.vrf_of(claim["vrf"]),
        credential=h.text_of(claim["credential"], "credential"),
        holder=Holder.parse(_matching(claim["holder"], HOLDER, "holder")),
        audience=_matching(claim["audience"], NAME, "audience"),
        expires=parse_instant(claim["expires"]),
        low=low,
        high=high,
        scored=Block.parse(scored_json),
        scored_json=scored_json,
        scored_index=h.integer_of(claim["scored_index"], "scored_index"),
        scored_path=h.hashes_of(claim["scored_path"], "scored_path"),
        note=h.text_of(claim["note"], "note", range_credential.NOTE_BYTES_MAX).encode(),
        index=h.integer_of(claim["index"], "index"),
        path=h.hashes_of(claim["path"], "path"),
        signer=SignerPlace.read(claim),
        values=_values(claim),
        nonce=_matching(claim["nonce"], REF, "nonce") if "nonce" in claim else "",
        signature=unpadded(claim["signature"], "signature")
        if "signature" in claim
        else Assertion.parse(claim["assertion"]),
    )


def verify_range(data: bytes, asked: Asked) -> Claimed:
    """What the file proves. FormatError, SignatureError, ProofError, RuleError."""
    with h.step(1, "the form of the proof"):
        proof = parse_range(data)
    with h.step(2, "the ledger's signed head"):
        found = h.check_head(proof.part, asked)
    with h.step(3, "the bureau's signature"):
        terms = proof.terms(found.origin)
        attested = _attested(proof, found, terms)
    with h.step(4, "the places in the log"):
        _check_places(proof, found, attested)
    with h.step(5, "for whom and when"):
        _check_occasion(proof, found, asked)
    with h.step(6, "the score's range"):
        for direction, commitment in ((AT_LEAST, attested.commitment_ge), (AT_MOST, attested.commitment_le)):
            if direction in proof.values:
                chain = Chain(direction, attested.context, proof.low, proof.high)
                if chain.end(*proof.values[direction]) != commitment:
                    raise ProofError("the chain does not lead to what the bureau has signed")
    with h.step(7, "the holder's signature"):
        text = range_credential.presentation_text(
            attested.context, proof.audience, proof.threshold(AT_LEAST), proof.threshold(AT_MOST), proof.nonce
        )
        if isinstance(proof.signature, bytes):
            proof.holder.check_signature(text, proof.signature)
        else:
            proof.holder.check_assertion(text, proof.signature)
    if asked.identifier is not None:
        with h.step(8, "whose score it is"):
            check_identifier(asked.identifier.partition(":")[0], asked.identifier)
            h.check_identity(found.block, found.origin, proof.key, proof.vrf_proof, asked.identifier)
    return say_range(proof, found, asked)


def _attested(proof: Presented, found: Head, terms: Terms) -> Attested:
    """What the bureau's note says, signed by its service key, about exactly these terms."""
    if proof.signer.record.role != ROLE:
        raise ProofError(f"the key is of the role {proof.signer.record.role}, not of the bureau's service")
    proof.signer.check(found.block, found.tree_size - 1)
    opened = open_single(proof.note, proof.signer.record.verifier)
    attested = Attested.parse(opened.text)
    if attested.origin != found.origin:
        raise ProofError("the bureau's note is about another ledger")
    if attested.context != terms.context:
        raise ProofError(
            "the bureau has signed other terms: another holder, audience, citizen, block or time"
        )
    return attested


def _check_places(proof: Presented, found: Head, attested: Attested) -> None:
    if proof.scored_index >= proof.index:
        raise ProofError("the answer stands before the block that has the score")
    scored = merkle.leaf_hash(block_entry(proof.scored_json))
    merkle.verify_inclusion(scored, proof.scored_index, found.tree_size, proof.scored_path, found.root)
    answer = merkle.leaf_hash(event_entry(attested.answer))
    merkle.verify_inclusion(answer, proof.index, found.tree_size, proof.path, found.root)


def _check_occasion(proof: Presented, found: Head, asked: Asked) -> None:
    """For this audience, this occasion and this moment."""
    if asked.audience is None:
        raise RuleError(
            "a range credential is for one audience: say who you are (--audience)", code="no-audience"
        )
    if proof.audience != asked.audience:
        raise ProofError(
            f"the credential is for {proof.audience}, not for {asked.audience}", code="other-audience"
        )
    if asked.nonce is not None and proof.nonce != asked.nonce:
        raise ProofError("the presentation was not made with the nonce that was given", code="other-nonce")
    if asked.at >= proof.expires:
        raise ProofError(f"the credential has expired on {format_instant(proof.expires)}", code="expired")
    longest_s = LIFETIME_S_MAX
    if proof.expires <= proof.scored.time or (proof.expires - found.block.time).total_seconds() > longest_s:
        raise ProofError(f"a credential ends at most {longest_s // 86400} days after it was given")


def _range(claim: dict[str, canon.JSON]) -> tuple[int, int]:
    low = h.integer_of(claim["low"], "low", SCORE_MIN, SCORE_MAX - 1)
    return low, h.integer_of(claim["high"], "high", low + 1, SCORE_MAX)


def _values(claim: dict[str, canon.JSON]) -> dict[range_credential.Direction, tuple[int, bytes]]:
    values: dict[range_credential.Direction, tuple[int, bytes]] = {}
    for direction, name in _NAMES:
        if name in claim:
            pair = h.list_of(claim[name], name, 2)
            if len(pair) != 2:
                raise FormatError(f"The field {name} is a score and a value.")
            values[direction] = h.integer_of(pair[0], name, SCORE_MIN, SCORE_MAX), h.hash_of(pair[1], name)
    if not values:
        raise FormatError("A range proof says at_least, at_most, or both.")
    if len(values) == 2 and values[AT_LEAST][0] > values[AT_MOST][0]:
        raise FormatError("The field at_least is above at_most.")
    return values


def _matching(value: canon.JSON, pattern: str, field: str) -> str:
    text = h.text_of(value, field)
    if re.match(pattern, text) is None:
        raise FormatError(f"The field {field} is not of its form (docs/formats.md section 16).")
    return text
