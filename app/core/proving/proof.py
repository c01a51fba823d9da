r"""Score proofs: one file by which anybody checks one score against a ledger, without asking the bureau.

A `.proof` file is canonical JSON of at most 65,536 bytes:

    {"block":     the block entry
     "digests":   {name: digest of a disclosure that is not shown}
     "disclosures": [[salt, name, value], ...] in the order of app.core.state.account.NAMES, `score` among them
     "key":       citizen key, hex         "vrf": its VRF proof, base64url   "kind": "score"    "v": 1
     "tlog":      C2SP tlog-proof of the block entry
     "trie":      the siblings of the citizen's leaf, joined, base64url}

It is verified from the outside in, as the numbered steps of docs/formats.md section 10: form (1), the block
is the last entry of a checkpoint that the policy accepts (2), the account is in that block's state (3), the
score is the one of that block (4), the file is this citizen's (5), all of it is recent (6). Each step is a
function below, and each refusal is one sentence. What a proof does not show is as much a part of the
answer: see app.core.proving.proof_words.

    verified = verify_score_proof(data, policy, at=now, identifier="uci:17")
    verified.score, verified.day          # 712, date(2026, 11, 22)
    verified.sentences("en")              # the same for people

Source: docs/formats.md sections 7 and 10; C2SP tlog-proof, tlog-policy; RFC 9381.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import ProofError
from app.core.fields import format_instant
from app.core.log import merkle
from app.core.log.entries import block_entry
from app.core.log.policy import NONE, Policy
from app.core.proving.claims.head import (
    MAX_AGE_S_DEFAULT,
    BlockPart,
    check_age,
    check_identity,
    check_log,
    step,
)
from app.core.proving.proof_form import (
    PROOF_BYTES_MAX,
    Receipt,
    ScoreProof,
    build_score_proof,
    parse_score_proof,
)
from app.core.proving.proof_words import sentences
from app.core.reporting.identifiers import check_identifier
from app.core.state import account, trie

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from app.core.canon import JSON

__all__ = ["PROOF_BYTES_MAX", "Verified", "build_score_proof", "parse_score_proof", "verify_score_proof"]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a proof has shown: an account of one citizen as it stands in one block of one ledger.

    `day` is the local day of the block, for which the score was proved. `cosignatures` are the policy's
    witnesses (by key name) whose cosignatures are good and recent, with POSIX times; `quorum_required` is
    false under `quorum none`. `identity_checked` says whether an identifier was given, and then the key is
    the one of that citizen.
    """

    origin: str
    block_number: int
    block_time: dt.datetime
    block_hash: bytes
    day: dt.date
    tree_size: int
    key: bytes
    as_of: dt.date
    until: dt.date
    scorecard: bytes
    disputed: int
    score: int | None
    insufficient: tuple[str, ...]
    receipt: Receipt | None
    shown: Mapping[str, JSON]
    hidden: tuple[str, ...]
    cosignatures: tuple[tuple[str, int], ...]
    quorum_required: bool
    identity_checked: bool
    at: dt.datetime
    max_age_s: int

    def sentences(self, language: str = "en") -> list[str]:
        """What has been proved, and then what has not, in plain words of `en` or `zh-Hans`."""
        return sentences(self, language)

    def as_json(self) -> dict[str, JSON]:
        """The same for machines, in canonical JSON's terms. Holds no identifier."""
        answer: dict[str, JSON] = {
            "proved": True,
            "origin": self.origin,
            "block": self.block_number,
            "block_time": format_instant(self.block_time),
            "block_hash": self.block_hash.hex(),
            "day": self.day.isoformat(),
            "tree_size": self.tree_size,
            "key": self.key.hex(),
            "as_of": self.as_of.isoformat(),
            "until": self.until.isoformat(),
            "scorecard": self.scorecard.hex(),
            "disputed": self.disputed,
            "shown": dict(self.shown),
            "hidden": list(self.hidden),
            "cosignatures": [{"name": name, "time_s": time_s} for name, time_s in self.cosignatures],
            "quorum_required": self.quorum_required,
            "identity_checked": self.identity_checked,
            "at": format_instant(self.at),
            "max_age_s": self.max_age_s,
        }
        if self.score is None:
            answer["insufficient"] = list(self.insufficient)
        else:
            answer["score"] = self.score
        return answer


def verify_score_proof(
    data: bytes,
    policy: bytes,
    *,
    at: dt.datetime,
    max_age_s: int = MAX_AGE_S_DEFAULT,
    identifier: str | None = None,
) -> Verified:
    """Check a `.proof` file as of the instant `at` (UTC), with the bytes of a C2SP policy.

    FormatError when the proof or the policy is not well-formed, SignatureError when the policy's keys have
    not signed the checkpoint, ProofError when a step fails. `identifier` (`uci:17`, `cn:...`) is the
    citizen that the proof should be about; without it the answer says that this was not checked.
    """
    trusted = Policy.parse(policy)
    with step(1, "the form of the proof"):
        proof = parse_score_proof(data)
    with step(2, "the ledger's signed head"):
        head = check_log(BlockPart(proof.block, proof.block_json, proof.tlog), trusted)
    with step(3, "the account in the block's state"):
        _check_state(proof)
    with step(4, "the score"):
        _check_score(proof)
    if identifier is not None:
        with step(5, "whose file it is"):
            check_identifier(identifier.partition(":")[0], identifier)
            check_identity(proof.block, head.checkpoint.origin, proof.key, proof.vrf_proof, identifier)
    with step(6, "how old it is"):
        recent = check_age(proof.block, trusted, head, at, max_age_s)
    return Verified(
        origin=head.checkpoint.origin,
        block_number=proof.block.number,
        block_time=proof.block.time,
        block_hash=merkle.leaf_hash(block_entry(proof.block_json)),
        day=proof.block.as_of,
        tree_size=head.checkpoint.size,
        key=proof.key,
        as_of=proof.score.as_of,
        until=proof.score.until,
        scorecard=proof.score.scorecard,
        disputed=proof.score.disputed,
        score=proof.score.score,
        insufficient=proof.score.insufficient,
        receipt=proof.receipt,
        shown=proof.shown.values,
        hidden=tuple(name for name in account.NAMES if name in proof.shown.hidden),
        cosignatures=tuple((cosignature.verifier.name, cosignature.time_s) for cosignature in recent),
        quorum_required=trusted.quorum != NONE,
        identity_checked=identifier is not None,
        at=at,
        max_age_s=max_age_s,
    )


def _check_state(proof: ScoreProof) -> None:
    """The disclosures and digests make an account value that the block's state has under the key."""
    value = proof.shown.account_value()
    trie.verify_membership(proof.block.state, proof.key, value, proof.siblings)


def _check_score(proof: ScoreProof) -> None:
    """The score is of the block's scorecard, holds on the block's day, and is the sum of the points shown."""
    score, block = proof.score, proof.block
    if score.scorecard != block.scorecard:
        raise ProofError("the score was worked out with another scorecard than the block's")
    if not score.as_of <= block.as_of < score.until:
        raise ProofError(
            f"the score holds from {score.as_of} until {score.until}, the block is of {block.as_of}"
        )
    if proof.receipt is not None and score.score is not None:
        total = proof.receipt.base + sum(criterion.points for criterion in proof.receipt.criteria)
        if total != score.score:
            raise ProofError(f"base and points add up to {total}, the score is {score.score}")
