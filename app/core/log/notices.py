r"""Notices: what the bureau declares in its own log: its founding, keys, scorecards, audits, what it destroyed.

The entry is 0x04 and canonical JSON with `v`, `notice` (the kind) and `time`, for example (on one line)

    {"name":"bank.example/cards","notice":"key_registered","possession":"credence/possession@v1\n...",
     "role":"lender","time":"2026-11-22T15:24:00Z","v":1,"vkey":"bank.example/cards+1f2e3d4c+AQ..."}

Entry 0 is the genesis. A registered key proves that its holder has it: `possession` is a note by that key
over `credence/possession@v1`, origin, name, role, vkey, a line each. A rotation is signed by the old key over
`credence/rotation@v1`, origin, name, role and the new vkey, or says `recovery`. Whether a notice holds at its
place in the log is judged by `app.core.log.register`; here are the forms, and builders for whoever has the keys.

Source: formats.md section 5; C2SP signed-note.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, Union, cast

import msgspec
from msgspec import Meta, Struct, field

from app.core.errors import FormatError
from app.core.field_types import INDEX_MAX, NONCE, Hash, Index, Name, Ref, Text
from app.core.fields import (
    format_b64url32,
    format_day,
    format_hex32,
    format_instant,
    parse_day,
    parse_instant,
)
from app.core.log.note import ED25519, Signer, Verifier, split

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

NOTICE_BYTES_MAX: Final = 32_768
DESTROYED_MAX: Final = 1_500  # log indices in a notice: they fit, whatever they are
POSSESSION_MAGIC: Final = "credence/possession@v1"
ROTATION_MAGIC: Final = "credence/rotation@v1"

Role = Literal["lender", "utility", "public_body", "bank", "enrolment", "regulator", "service", "bureau"]
ROLES: Final[tuple[Role, ...]] = (
    "lender",
    "utility",
    "public_body",
    "bank",
    "enrolment",
    "regulator",
    "service",
    "bureau",
)

CardRole = Literal["champion", "challenger"]
NO_REPORT: Final = bytes(32)

# These are limits; how a vkey and a note are spelled is checked by Verifier.parse and note.split.
Vkey = Annotated[str, Meta(min_length=1, max_length=256)]
NoteText = Annotated[str, Meta(min_length=1, max_length=4096)]


class Notice(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="notice"
):
    """What every notice has. `time` is an instant."""

    v: Literal[1]
    time: str

    @property
    def kind(self) -> str:
        """The text of the field `notice`."""
        return str(self.__struct_config__.tag)


class Genesis(Notice, frozen=True, kw_only=True, tag="genesis"):
    """The ledger's birth: its name, keys, jurisdiction, clock and identifier scheme."""

    origin: Name
    vkey: Vkey
    vrf: Hash
    profile: Literal["cn", "us", "eu", "in"]
    utc_offset_minutes: Annotated[int, Meta(ge=-720, le=840)]
    scheme: Literal["cn", "uci"]
    random: Annotated[str, Meta(pattern=NONCE)]


class KeyRegistered(Notice, frozen=True, kw_only=True, tag="key_registered"):
    name: Name
    role: Role
    vkey: Vkey
    possession: NoteText


class KeyRotated(Notice, frozen=True, kw_only=True, tag="key_rotated"):
    """Either `signed_by_old` or `recovery` (which is true when it is there)."""

    name: Name
    role: Role
    vkey: Vkey
    possession: NoteText
    signed_by_old: NoteText | None = None
    recovery: bool | None = None


class KeyRevoked(Notice, frozen=True, kw_only=True, tag="key_revoked"):
    name: Name
    role: Role
    vkey: Vkey
    reason: Text


class ScorecardPublished(Notice, frozen=True, kw_only=True, tag="scorecard_published"):
    """A card that blocks use (`champion`) or that is scored beside it (`challenger`), from a local day on."""

    scorecard: Hash
    report: Hash
    role: CardRole
    from_: str = field(name="from")


class WitnessPolicy(Notice, frozen=True, kw_only=True, tag="witness_policy"):
    policy: Hash


class AuditOpened(Notice, frozen=True, kw_only=True, tag="audit_opened"):
    """A regulator looked at all files with events in the log's entries `from` to `to`."""

    case: Ref
    from_: Index = field(name="from")
    to: Index


class ErasureDone(Notice, frozen=True, kw_only=True, tag="erasure"):
    """`index` is the log index of the erasure event."""

    index: Index


class Destroyed(Notice, frozen=True, kw_only=True, tag="destroyed"):
    """The block that takes this in destroys the plaintext of the events at these log indices, ascending (R11, R40)."""

    entries: Annotated[tuple[Index, ...], Meta(min_length=1, max_length=DESTROYED_MAX)]
    reason: Literal["erasure", "retention"]


NOTICE_CLASSES: Final[tuple[type[Notice], ...]] = (
    Genesis,
    KeyRegistered,
    KeyRotated,
    KeyRevoked,
    ScorecardPublished,
    WitnessPolicy,
    AuditOpened,
    ErasureDone,
    Destroyed,
)
_N = TypeVar("_N", bound=Notice)
NOTICE_KINDS: Final = tuple(str(cls.__struct_config__.tag) for cls in NOTICE_CLASSES)

_decode: Final = msgspec.json.Decoder(Union[NOTICE_CLASSES]).decode  # noqa: UP007 - made at run time
_encode: Final = msgspec.json.Encoder(order="sorted").encode


def encode(notice: Notice) -> bytes:
    """The canonical JSON of a notice, without the kind byte; FormatError when it has none."""
    document = _encode(notice)
    decode(document)
    return document


def decode(document: bytes) -> Notice:
    """The notice of its canonical JSON (at most 32,768 bytes); FormatError for any other bytes."""
    if len(document) > NOTICE_BYTES_MAX:
        raise FormatError(f"a notice of {len(document)} bytes is over the limit of {NOTICE_BYTES_MAX}")
    try:
        notice = cast("Notice", _decode(document))
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatError(f"not a notice: {error}") from None
    if _encode(notice) != document:
        raise FormatError("a notice is not in canonical form")
    parse_instant(notice.time)
    _check_fields(notice)
    return notice


def _check_fields(notice: Notice) -> None:
    if isinstance(notice, Genesis | KeyRegistered | KeyRotated | KeyRevoked):
        verifier = Verifier.parse(notice.vkey)
        if verifier.algorithm != ED25519:
            raise FormatError("a key in a notice is a plain Ed25519 key")
        if verifier.name != (notice.origin if isinstance(notice, Genesis) else notice.name):
            raise FormatError("the name in a notice's key is not the name that the notice is about")
    for note in (getattr(notice, "possession", None), getattr(notice, "signed_by_old", None)):
        if note is not None and len(split(note.encode())[1]) != 1:
            raise FormatError("a note in a notice has exactly one signature line")
    if isinstance(notice, KeyRotated) and (notice.signed_by_old, notice.recovery).count(None) != 1:
        raise FormatError("a rotation has either `signed_by_old` or `recovery`")
    if isinstance(notice, KeyRotated) and notice.recovery is False:
        raise FormatError("`recovery` of a rotation is true when it is there")
    if isinstance(notice, AuditOpened) and notice.from_ > notice.to:
        raise FormatError("`from` of an audit is after `to`")
    if isinstance(notice, ScorecardPublished):
        parse_day(notice.from_)
    if isinstance(notice, Destroyed) and list(notice.entries) != sorted(set(notice.entries)):
        raise FormatError("the log indices of what is destroyed are not in ascending order")


# ---- builders ----------------------------------------------------------------------------------------------


def possession_text(origin: str, name: str, role: str, vkey: str) -> bytes:
    """What a new key signs to show that its holder has it."""
    return _lines(POSSESSION_MAGIC, origin, name, role, vkey)


def rotation_text(origin: str, name: str, role: str, new_vkey: str) -> bytes:
    """What the old key signs to pass its role on."""
    return _lines(ROTATION_MAGIC, origin, name, role, new_vkey)


def genesis(
    verifier: Verifier,
    *,
    vrf_public: bytes,
    profile: str,
    utc_offset_minutes: int,
    scheme: str,
    random: bytes,
    time: dt.datetime,
) -> Genesis:
    """Entry 0 of the ledger whose name and key are the verifier's. `vrf_public`, `random`: 32 bytes."""
    return _checked(
        Genesis(
            v=1,
            time=format_instant(time),
            origin=verifier.name,
            vkey=verifier.encode(),
            vrf=format_hex32(vrf_public),
            profile=cast("Any", profile),
            utc_offset_minutes=utc_offset_minutes,
            scheme=cast("Any", scheme),
            random=format_b64url32(random),
        )
    )


def key_registered(signer: Signer, role: str, origin: str, time: dt.datetime) -> KeyRegistered:
    """The registration of the signer's key under the signer's name, with the proof that it is there."""
    text = possession_text(origin, signer.name, role, signer.verifier.encode())
    return key_possessed(signer.verifier, role, signer.sign(text).decode(), time)


def key_possessed(verifier: Verifier, role: str, possession: str, time: dt.datetime) -> KeyRegistered:
    """The registration of somebody else's key, who sent the possession note; the register checks the note."""
    return _checked(
        KeyRegistered(
            v=1,
            time=format_instant(time),
            name=verifier.name,
            role=cast("Role", role),
            vkey=verifier.encode(),
            possession=possession,
        )
    )


def key_rotated(new: Signer, role: str, origin: str, time: dt.datetime, *, old: Signer | None) -> KeyRotated:
    """The change to the key `new`: signed by `old`, or a recovery when the old key is lost (None)."""
    vkey = new.verifier.encode()
    by_old = None if old is None else old.sign(rotation_text(origin, new.name, role, vkey)).decode()
    return _checked(
        KeyRotated(
            v=1,
            time=format_instant(time),
            name=new.name,
            role=cast("Role", role),
            vkey=vkey,
            possession=new.sign(possession_text(origin, new.name, role, vkey)).decode(),
            signed_by_old=by_old,
            recovery=True if old is None else None,
        )
    )


def key_revoked(verifier: Verifier, role: str, reason: str, time: dt.datetime) -> KeyRevoked:
    """The end of a key in a role; batches placed after it are refused."""
    return _checked(
        KeyRevoked(
            v=1,
            time=format_instant(time),
            name=verifier.name,
            role=cast("Role", role),
            vkey=verifier.encode(),
            reason=reason,
        )
    )


def scorecard_published(
    scorecard: bytes, role: CardRole, from_day: dt.date, time: dt.datetime, *, report: bytes = NO_REPORT
) -> ScorecardPublished:
    """The hashes (32 bytes) of a scorecard's canonical bytes and of its validation report, and its use from a day on."""
    return _checked(
        ScorecardPublished(
            v=1,
            time=format_instant(time),
            scorecard=format_hex32(scorecard),
            report=format_hex32(report),
            role=role,
            from_=format_day(from_day),
        )
    )


def witness_policy(policy: bytes, time: dt.datetime) -> WitnessPolicy:
    """The hash (32 bytes) of the policy file that proofs are judged by."""
    return WitnessPolicy(v=1, time=format_instant(time), policy=format_hex32(policy))


def audit_opened(case: str, first_index: int, last_index: int, time: dt.datetime) -> AuditOpened:
    """A regulator's look at the events with log indices first..last, under a case number."""
    return _checked(AuditOpened(v=1, time=format_instant(time), case=case, from_=first_index, to=last_index))


def erasure_done(index: int, time: dt.datetime) -> ErasureDone:
    """That what the erasure event at this log index asked for was destroyed."""
    assert 0 <= index <= INDEX_MAX, index
    return ErasureDone(v=1, time=format_instant(time), index=index)


def destroyed(entries: Iterable[int], reason: str, time: dt.datetime) -> Destroyed:
    """What the next block destroys, by log index (1 to 1,500 of them), and why: `retention` or `erasure`."""
    ascending = tuple(sorted(entries))
    return _checked(Destroyed(v=1, time=format_instant(time), entries=ascending, reason=cast("Any", reason)))


def _lines(*lines: str) -> bytes:
    return "".join(line + "\n" for line in lines).encode()


def _checked(notice: _N) -> _N:
    encode(notice)
    return notice
