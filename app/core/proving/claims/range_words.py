"""What a range proof shows and what it does not, in both languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.fields import format_instant
from app.core.proving.claims.words import Claimed, claimed, moment, say_head, say_identity
from app.core.proving.range_credential import AT_LEAST, AT_MOST
from app.core.reporting.event_base import SCORE_MAX, SCORE_MIN

if TYPE_CHECKING:
    from app.core.canon import JSON
    from app.core.proving.claims.head import Asked, Head
    from app.core.proving.claims.range_proof import Presented


def say_range(proof: Presented, found: Head, asked: Asked) -> Claimed:
    """The claim, once everything holds."""
    said = claimed("range", found, _facts(proof, asked))
    english, chinese = _statement(proof)
    scored = proof.scored
    said.proves(
        f"The score of this file on {scored.as_of} is {english}. The bureau has committed to it, and recorded that as entry "
        f"{proof.index:,} of its ledger.",
        f"该档案在 {scored.as_of} 的信用分{chinese}。征信机构已对其作出承诺，并记入账本第 {proof.index:,} 号条目。",
    )
    said.proves(
        f"It was shown to {proof.audience} by the holder of the key that the credential was given to; it ends on "
        f"{moment(proof.expires)}.",
        f"由该凭证所绑定密钥的持有人向 {proof.audience} 出示；有效期至 {moment(proof.expires)}。",
    )
    _say_occasion(said, proof, asked)
    say_identity(said, asked)
    say_head(said, found, asked)
    if (proof.low, proof.high) != (SCORE_MIN, SCORE_MAX):
        said.proves(
            f"The credential itself also tells that the score is from {proof.low} to {proof.high}.",
            f"该凭证本身还表明信用分在 {proof.low} 至 {proof.high} 之间。",
        )
    said.proves_not(
        "Not shown: the score itself, how far it is from the bound, or how it came about.",
        "未出示：信用分本身、与界限的差距以及计算过程。",
    )
    said.proves_not(
        "Not proved: that the commitment is that of the score in the ledger. The bureau's signature says so; an auditor "
        "opens it and compares.",
        "未证明：该承诺对应账本中的信用分。这由征信机构签名保证，审计方会打开并核对。",
    )
    said.proves_not(
        f"Not proved: that the score is still that on another day than {scored.as_of}.",
        f"未证明：信用分在 {scored.as_of} 以外的日期仍是如此。",
    )
    return said


def _statement(proof: Presented) -> tuple[str, str]:
    low, high = proof.threshold(AT_LEAST), proof.threshold(AT_MOST)
    if low is not None and high is not None:
        return f"at least {low} and at most {high}", f"不低于 {low} 分且不高于 {high} 分"
    if low is not None:
        return f"at least {low}", f"不低于 {low} 分"
    return f"at most {high}", f"不高于 {high} 分"


def _say_occasion(said: Claimed, proof: Presented, asked: Asked) -> None:
    if asked.nonce is not None:
        said.proves(
            "It was made for the nonce that was given, so for this occasion.",
            "它是针对所给出的随机数制作的，即专为本次出示。",
        )
    else:
        said.proves_not(
            f"Not proved: that it was not shown to {proof.audience} before. No nonce was given, so whoever takes it keeps "
            f"the credential's id {proof.credential} until it ends, and takes it once.",
            f"未证明：此前未向 {proof.audience} 出示过。没有给出随机数，因此接收方应将凭证编号 {proof.credential} "
            "保存至到期，且只接受一次。",
        )


def _facts(proof: Presented, asked: Asked) -> dict[str, JSON]:
    bounds = {"at_least": proof.threshold(AT_LEAST), "at_most": proof.threshold(AT_MOST)}
    return {
        "key": proof.key.hex(),
        "identity_checked": asked.identifier is not None,
        "nonce_checked": asked.nonce is not None,
        "credential": proof.credential,
        "holder": proof.holder.text,
        "audience": proof.audience,
        "expires": format_instant(proof.expires),
        "score_day": proof.scored.as_of.isoformat(),
        "scorecard": proof.scored.scorecard.hex(),
        "index": proof.index,
        **{name: bound for name, bound in bounds.items() if bound is not None},
    }
