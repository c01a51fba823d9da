"""`history`: these are all events of a citizen, none left out; with the scorecard, the score is the fold of exactly them.

The file is a score proof that shows `history`, and the events in the order of the citizen tree. Whoever holds it needs nobody
else: the tree's size and root are in the account, the account is in the block's state, the block is under the signed head.

    verify_history(data, asked, card=parse_card(document), profile=CN)

An event whose plaintext was destroyed (R11, R40) is there as its leaf hash with reason and day; `history.opaque` binds these.

Source: docs/formats.md sections 7, 8 and 15; rule R39.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from app.core import canon
from app.core.errors import CredenceError, FormatError, ProofError
from app.core.fields import b64url32, format_b64url32
from app.core.log import merkle
from app.core.log.entries import event_entry
from app.core.log.merkle import Frontier
from app.core.proving.claims import head as h
from app.core.proving.claims.words import Claimed, claimed, say_head, say_identity
from app.core.proving.proof_form import disclosed, parse_score
from app.core.reporting.assertions import UNKNOWN_PASSKEY, Passkeys
from app.core.reporting.events import LINE_BYTES_MAX, decode_stored
from app.core.reporting.identifiers import check_identifier
from app.core.scoring.fold import fold_history
from app.core.scoring.folded import encode_file
from app.core.scoring.profiles import fold_version
from app.core.scoring.score import receipt_json, score_file
from app.core.state import account, account_state, erasure, trie

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.core.proving.claims.head import Asked
    from app.core.proving.proof_form import Disclosed, ScoreValue
    from app.core.reporting.event_base import Event
    from app.core.scoring.folded import File
    from app.core.scoring.profiles import Profile
    from app.core.scoring.scorecard import Card

KIND: Final = "history"
HISTORY_BYTES_MAX: Final = 32 << 20
EVENTS_MAX: Final = 100_000
_FIELDS: Final = frozenset({"block", "digests", "disclosures", "events", "key", "tlog", "trie", "vrf"})


@dataclass(frozen=True, slots=True)
class Part:
    """One event of the citizen tree: its salt and log index, and its line, or what is left of it."""

    salt: bytes
    index: int
    line: bytes = b""
    leaf: bytes = b""
    reason: str = ""
    day: str = ""

    @property
    def leaf_hash(self) -> bytes:
        """The leaf of the log that the citizen tree has."""
        return self.leaf or merkle.leaf_hash(event_entry(sha256(self.line).digest()))


def build_history(score_proof: bytes, parts: Sequence[Part]) -> bytes:
    """The file, from a score proof of the same block that shows `history` and whatever else is to be shown."""
    fields = canon.decode_object(score_proof)
    assert fields["kind"] == "score", "a history is a score proof with events"
    events: list[canon.JSON] = []
    for part in parts:
        salt = format_b64url32(part.salt)
        if part.line:
            events.append([salt, part.index, part.line.decode()])
        else:
            events.append([salt, part.index, part.leaf.hex(), part.reason, part.day])
    return canon.encode(fields | {"kind": KIND, "events": events})


def verify_history(
    data: bytes, asked: Asked, *, card: Card | None = None, profile: Profile | None = None
) -> Claimed:
    """What the file proves; with the card and the profile's numbers also that the score follows from the events.

    FormatError, SignatureError, ProofError.
    """
    with h.step(1, "the form of the proof"):
        claim = h.read_claim(data, KIND, _FIELDS, bytes_max=HISTORY_BYTES_MAX)
        part, key, vrf_proof = h.block_part(claim), h.hash_of(claim["key"], "key"), h.vrf_of(claim["vrf"])
        shown = disclosed(claim["disclosures"], claim["digests"])
        if not {"history", "score"} <= shown.values.keys():
            raise FormatError("A history shows the disclosures history and score.")
        score = parse_score(shown.values["score"])
        parts = _parts(claim["events"])
    with h.step(2, "the ledger's signed head"):
        found = h.check_head(part, asked)
    with h.step(3, "the account in the block's state"):
        trie.verify_membership(
            part.block.state, key, shown.account_value(), h.hashes_of(claim["trie"], "trie")
        )
    with h.step(4, "the events"):
        events = _check_events(parts, shown, found.origin, asked.identifier)
        signed = _check_assertions(parts, dict(events))
    with h.step(5, "the score"):
        if score.scorecard != part.block.scorecard or not score.as_of <= part.block.as_of < score.until:
            raise ProofError("the score is of another scorecard or day than the block's")
        opaque = sum(1 for each in parts if not each.line)
        refolded = card is not None and profile is not None
        if card is not None and profile is not None:
            _check_fold(events, shown, score, card, profile, part.block.rules)
    if asked.identifier is not None:
        with h.step(6, "whose file it is"):
            check_identifier(asked.identifier.partition(":")[0], asked.identifier)
            h.check_identity(part.block, found.origin, key, vrf_proof, asked.identifier)
    facts: dict[str, canon.JSON] = {
        "key": key.hex(),
        "events": len(parts),
        "opaque": opaque,
        "refolded": refolded,
        "signed": signed,
        "identity_checked": asked.identifier is not None,
        **({"score": score.score} if score.score is not None else {"insufficient": list(score.insufficient)}),
    }
    said = claimed(KIND, found, facts)
    _say(said, len(parts), opaque, score, refolded=refolded)
    _say_signed(said, signed)
    say_identity(said, asked)
    say_head(said, found, asked)
    return said


def _parts(value: canon.JSON) -> list[Part]:
    parts = []
    for item in h.list_of(value, "events", EVENTS_MAX):
        if not isinstance(item, list) or len(item) not in (3, 5):
            raise FormatError(
                "An event of a history is [salt, index, line] or [salt, index, leaf, reason, day]."
            )
        salt, index = b64url32(item[0]), h.integer_of(item[1], "index of an event")
        if len(item) == 3:
            parts.append(Part(salt, index, h.text_of(item[2], "event", LINE_BYTES_MAX).encode()))
        else:
            leaf, reason, day = h.hash_of(item[2], "leaf of an event"), item[3], item[4]
            parts.append(
                Part(salt, index, b"", leaf, h.text_of(reason, "reason", 64), h.text_of(day, "day", 10))
            )
    if any(left.index >= right.index for left, right in pairwise(parts)):
        raise FormatError("The events of a history are not in the order of the log.")
    return parts


def _check_events(
    parts: Sequence[Part], shown: Disclosed, origin: str, identifier: str | None
) -> list[tuple[int, Event]]:
    """The citizen tree is that of the account, and every event is of one and the same citizen of this ledger."""
    leaves = [
        merkle.leaf_hash(account.citizen_entry(part.salt, part.index, part.leaf_hash)) for part in parts
    ]
    frontier = Frontier().append_many(leaves)
    opaque = [
        account_state.Opaque(position, part.reason, part.day)
        for position, part in enumerate(parts)
        if not part.line
    ]
    told = {"opaque": account_state.opaque_hash(opaque), "root": frontier.root().hex(), "size": frontier.size}
    if told != shown.values["history"]:
        raise ProofError("these are not exactly the events that the account was made from")
    events = [(part.index, decode_stored(part.line)) for part in parts if part.line]
    citizens = {event.citizen for _, event in events} | ({identifier} if identifier else set())
    if len(citizens) > 1 or any(event.ledger != origin for _, event in events):
        raise ProofError("there are events of another citizen or another ledger among them")
    return events


def _check_assertions(parts: Sequence[Part], events: dict[int, Event]) -> int:
    """How many events a passkey of the citizen's signed. One that is not known may have been registered in a part before
    it that was erased.
    """
    passkeys, signed, gone = Passkeys(), 0, False
    for part in parts:
        gone = gone or part.reason == erasure.REASON
        if part.line:
            try:
                signed += passkeys.follow(events[part.index]) is not None
            except CredenceError as error:
                if error.code != UNKNOWN_PASSKEY or not gone:
                    message = (
                        f"the event at log index {part.index:,} was not signed by the citizen: {error.detail}"
                    )
                    raise ProofError(message) from None
    return signed


def _check_fold(  # noqa: PLR0917 - what a score is made from
    events: list[tuple[int, Event]],
    shown: Disclosed,
    score: ScoreValue,
    card: Card,
    profile: Profile,
    rules: bytes,
) -> None:
    """The score, and the file and receipt where shown, are what the scorer makes of the events.

    A file that was repaired last before the ledger went over to the block's version of the fold is by an earlier one still.
    """
    if card.hash != score.scorecard:
        raise ProofError("the scorecard that was given is not the one of the score")
    version = fold_version(rules, profile)
    if not version:
        raise ProofError("the profile that was given is not the one of the block")
    problem = _fold_problem(fold_history(events, version), shown, score, card, profile)
    earlier = (fold_history(events, each) for each in range(version - 1, 0, -1))
    if problem and all(_fold_problem(file, shown, score, card, profile) for file in earlier):
        raise ProofError(problem)


def _fold_problem(file: File, shown: Disclosed, score: ScoreValue, card: Card, profile: Profile) -> str:
    """What of a proof does not follow from this file; "" when all does."""
    made = score_file(file, score.as_of.isoformat(), card, profile)
    if (made.score, made.insufficient, made.until) != (
        score.score,
        score.insufficient,
        score.until.isoformat(),
    ):
        return f"these events give the score {made.score}, not {score.score}"
    for name, value in (("file", encode_file(file)), ("receipt", receipt_json(made))):
        if name in shown.values and canon.encode(shown.values[name]) != canon.encode(canon.decode(value)):
            return f"these events give another {name} than the one that is shown"
    return ""


def _say(said: Claimed, count: int, opaque: int, score: ScoreValue, *, refolded: bool) -> None:
    said.proves(
        f"These are all {count:,} events of this citizen up to that block, in the order of the log; none was left out.",
        f"这是该公民截至该区块的全部 {count:,} 个事件，按账本顺序排列，无一遗漏。",
    )
    outcome = score.score if score.score is not None else ", ".join(score.insufficient)
    if refolded:
        said.proves(
            f"The score on {score.as_of} ({outcome}) was worked out again from exactly these events, "
            "and is the one in the ledger.",
            f"已按这些事件重新计算 {score.as_of} 的信用分（{outcome}），与账本一致。",
        )
    else:
        said.proves_not(
            f"Not proved: that the score ({outcome}) follows from these events. "
            "Give the scorecard (--card) to have it worked out.",
            f"未证明：信用分（{outcome}）确由这些事件得出。提供评分卡（--card）即可重新计算。",
        )
    if opaque:
        said.proves_not(
            f"Not shown: {opaque:,} of the events, whose plaintext was destroyed; they take no part in the score any more.",
            f"未出示：其中 {opaque:,} 个事件的明文已销毁，它们不再参与评分。",
        )


def _say_signed(said: Claimed, signed: int) -> None:
    if signed:
        said.proves(
            f"{signed:,} of them were signed by a passkey registered for this citizen; the bureau cannot invent these.",
            f"其中 {signed:,} 个事件由为该公民登记的通行密钥签署，征信机构无法伪造。",
        )
