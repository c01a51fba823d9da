"""A citizen's export: one zip with everything that the bureau holds about them, and the proofs of it (R39).

    README.txt        what this is, and the one command that checks it, in both languages
    manifest.json     {"v":1,"kind":"export","origin":...,"profile":"cn","citizen":"uci:17","made_at":instant}
    policy            this ledger's policy: whom the proofs are checked against
    score.proof       the score, with all its parts shown
    history.proof     every event, none left out
    scorecard.json    the published card, by which the score follows from the events
    events.json       the events of history.proof once more, as plain JSON: [{"index":n,"event":{...}}, ...]
    account.json      the score, its receipt and the folded file, as in score.proof
    beside/...        what is in no proof: letters, evidence handed in, questions to the bureau, settings

`verify_export` checks the two proofs, works the score out again, and compares the plain files with them: what can be read is
what is proved. It takes any bytes: a zip may lie about sizes and names, so only the names above are read, each up to a limit.
Source: docs/formats.md section 23; PKWARE's APPNOTE for zip.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.core.errors import FormatError, ProofError
from app.core.log.policy import POLICY_BYTES_MAX, Policy
from app.core.proving.claims.head import Asked
from app.core.proving.claims.history import HISTORY_BYTES_MAX, verify_history
from app.core.proving.proof import PROOF_BYTES_MAX, verify_score_proof
from app.core.scoring.profiles import PROFILES
from app.core.scoring.scorecard import CARD_BYTES_MAX, parse_card

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from app.core.proving.claims.words import Claimed
    from app.core.proving.proof import Verified

MAGIC: Final = b"PK\x03\x04"
EXPORT_BYTES_MAX: Final = 128 << 20
LIMITS: Final = {
    "manifest.json": 4_096,
    "policy": POLICY_BYTES_MAX,
    "score.proof": PROOF_BYTES_MAX,
    "history.proof": HISTORY_BYTES_MAX,
    "scorecard.json": CARD_BYTES_MAX,
    "events.json": 4 * HISTORY_BYTES_MAX,
    "account.json": 1 << 20,
}
_FILES_MAX: Final = 10_000
_STAMP: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that zip knows: the same export is the same bytes
_SAME: Final = (
    "The plain files say what the proofs say: events.json the events of history.proof, account.json what score.proof shows.",
    "明文文件与证明一致：events.json 恰为 history.proof 中的事件，account.json 恰为 score.proof 中的各部分。",
)
_OWN_POLICY: Final = (
    "Not proved: that everybody sees this ledger. The policy came with the export: give one of your own (--policy).",
    "未证明：所有人看到的都是这个账本。信任策略随导出文件一并提供，请用 --policy 给出您自己的信任策略。",
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What an export has shown."""

    score: Verified
    history: Claimed
    own_policy: bool

    def sentences(self, language: str = "en") -> list[tuple[str, list[str]]]:
        """(file, sentences) of each proof, and of the export itself."""
        which = 1 if language == "zh-Hans" else 0
        own = [_OWN_POLICY[which]] if self.own_policy else []
        return [
            ("score.proof", list(self.score.sentences(language))),
            ("history.proof", self.history.sentences(language)),
            ("export", [_SAME[which], *own]),
        ]

    def as_json(self) -> Mapping[str, Any]:
        """The same for machines."""
        return {
            "proved": True,
            "kind": "export",
            "score": dict(self.score.as_json()),
            "history": dict(self.history.as_json()),
            "own_policy": self.own_policy,
        }


# ---- making


def build_export(files: Mapping[str, bytes]) -> bytes:
    """The zip of these files, in their order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, data in files.items():
            about = zipfile.ZipInfo(name, _STAMP)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o600 << 16
            archive.writestr(about, data)
    return made.getvalue()


def plain_events(history: bytes) -> bytes:
    """`events.json` of a history proof."""
    return pretty(_events(_object(history, "history.proof")))


def plain_account(score: bytes) -> bytes:
    """`account.json` of a score proof."""
    return pretty(_disclosed(_object(score, "score.proof")))


# ---- checking


def verify_export(
    data: bytes,
    policy: bytes | None,
    *,
    at: dt.datetime,
    max_age_s: int,
    identifier: str | None = None,
) -> Checked:
    """What an export proves; without a policy of the reader's own by the one that is in it, and without an identifier for
    whom the export names. FormatError, SignatureError, ProofError.
    """
    parts = open_export(data)
    manifest = _object(parts["manifest.json"], "manifest.json")
    said = (manifest.get("v"), manifest.get("kind"), manifest.get("profile"), manifest.get("citizen"))
    if said[:2] != (1, "export") or said[2] not in PROFILES or not isinstance(said[3], str):
        raise FormatError("The manifest is not that of an export.")
    own_policy = policy is None
    policy = parts["policy"] if policy is None else policy
    whose = identifier or said[3]
    score = verify_score_proof(parts["score.proof"], policy, at=at, max_age_s=max_age_s, identifier=whose)
    history = verify_history(
        parts["history.proof"],
        Asked(Policy.parse(policy), at, max_age_s, whose),
        card=parse_card(parts["scorecard.json"]),
        profile=PROFILES[str(said[2])],
    )
    _compare(parts)
    return Checked(score, history, own_policy)


def open_export(data: bytes) -> dict[str, bytes]:
    """The files that are checked, by name. FormatError for what is no export."""
    if len(data) > EXPORT_BYTES_MAX:
        raise FormatError(f"An export has at most {EXPORT_BYTES_MAX:,} bytes.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > _FILES_MAX or any(names.count(name) != 1 for name in LIMITS):
                raise FormatError(f"An export has each of {', '.join(LIMITS)} once.")
            return {name: _read(archive, name, most) for name, most in LIMITS.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        # RuntimeError: a password is wanted; NotImplementedError is one of its kind; ValueError: names and offsets
        raise FormatError(f"This zip cannot be read: {type(error).__name__}.") from None


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise FormatError(f"{name} has at most {most:,} bytes.")
    return data


def _compare(parts: Mapping[str, bytes]) -> None:
    """The plain files say what the proofs say. ProofError."""
    history = _object(parts["history.proof"], "history.proof")
    score = _object(parts["score.proof"], "score.proof")
    for name, value in (("events.json", _events(history)), ("account.json", _disclosed(score))):
        try:
            same = orjson.loads(parts[name]) == value
        except orjson.JSONDecodeError:
            raise FormatError(f"{name} is not JSON.") from None
        if not same:
            raise ProofError(f"{name} says something else than the proofs")
    if history["key"] != score["key"]:
        raise ProofError("the two proofs are about different citizens")


def _events(history: dict[str, Any]) -> list[dict[str, Any]]:
    """Each event as an object, in the order of the log; of one whose plaintext was destroyed, when and why."""
    found = []
    for _, index, what, *gone in history["events"]:
        if gone:
            found.append({"index": index, "destroyed": {"reason": gone[0], "day": gone[1]}})
        else:
            found.append({"index": index, "event": orjson.loads(what)})
    return found


def _disclosed(score: dict[str, Any]) -> dict[str, Any]:
    return {name: value for _, name, value in score["disclosures"]}


def _object(data: bytes, name: str) -> dict[str, Any]:
    """A file of one JSON object. FormatError."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise FormatError(f"{name} is not a JSON object.")
    return value


def pretty(value: object) -> bytes:
    """JSON for people to read."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
