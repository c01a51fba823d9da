"""Trust policies: which logs and witnesses a verifier trusts, and how many cosignatures it wants.

    log credence.example/ledger+0ab1c2d3+AX...
    witness w1 witness.example/one+1c2d3e4f+BF...  https://witness.example/one
    witness w2 witness.example/two+2d3e4f50+BK...
    group two-of-them all w1 w2
    quorum two-of-them

A policy is octets, in lines that end in a newline each; items are separated by spaces and tabs; empty lines
and lines that start with # are ignored. Control characters other than tab and newline, and 0x7F, are
refused. Names are opaque octets. A group is witnessed when at least k of its members are (`any` is 1, `all`
is all of them); it names witnesses and groups of earlier lines, and no name is in two groups. There is one
quorum line, and `quorum none` wants no cosignature. Two keys are the same when their public keys are,
whatever their names.

A file whose last line has no newline is refused, since it may have been cut off: `quorum all-of-them` cut
short could name a weaker quorum.

Source: C2SP tlog-policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import FormatError, ProofError
from app.core.fields import decimal
from app.core.log.checkpoint import LOG_KEY_TYPES, WITNESS_KEY_TYPES, Checkpoint, Cosignature, open_with_any
from app.core.log.note import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable

NONE = b"none"
POLICY_BYTES_MAX = 1 << 20
LOGS_MAX = WITNESSES_MAX = GROUPS_MAX = 64
_ALLOWED = frozenset([0x09, 0x0A, *range(0x20, 0x7F), *range(0x80, 0x100)])


@dataclass(frozen=True, slots=True)
class LogKey:
    """A log by its key, whose name is the origin; `url` is empty when the policy gives none."""

    verifier: Verifier
    url: bytes = b""


@dataclass(frozen=True, slots=True)
class Witness:
    """A witness by its key. `name` has a meaning within the policy only."""

    name: bytes
    verifier: Verifier
    url: bytes = b""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnessed when at least `threshold` (1..len(members)) of the members are."""

    name: bytes
    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy in which every name was defined before its use. `quorum` is a name or NONE."""

    logs: tuple[LogKey, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: bytes

    @classmethod
    def parse(cls, data: bytes) -> Policy:
        """The policy of a file; FormatError names the line. At most 64 logs, witnesses and groups each."""
        if len(data) > POLICY_BYTES_MAX:
            raise FormatError(f"a policy is longer than {POLICY_BYTES_MAX} bytes")
        if not data.endswith(b"\n"):
            raise FormatError("a policy does not end in a newline; it may have been cut off")
        if not _ALLOWED.issuperset(data):
            raise FormatError("a policy has a control character")
        parser = _Parser()
        for number, line in enumerate(data.split(b"\n"), 1):
            items = line.replace(b"\t", b" ").split(b" ")
            try:
                parser.line([item for item in items if item])
            except FormatError as error:
                raise FormatError(f"line {number} of the policy: {error}") from None
        if parser.quorum is None:
            raise FormatError("a policy has no quorum line")
        return cls(tuple(parser.logs), tuple(parser.witnesses), tuple(parser.groups), parser.quorum)

    def encode(self) -> bytes:
        """The policy as a file, one definition a line; `parse` gives it back."""
        lines = [_line(b"log", log.verifier.encode().encode(), log.url) for log in self.logs]
        lines += [_line(b"witness", w.name, w.verifier.encode().encode(), w.url) for w in self.witnesses]
        lines += [_line(b"group", g.name, b"%d" % g.threshold, *g.members) for g in self.groups]
        return b"".join([*lines, _line(b"quorum", self.quorum)])

    def satisfied(self, cosigned: Iterable[bytes]) -> bool:
        """Whether cosignatures by the witnesses of these names are a quorum. Unknown names do not count."""
        if self.quorum == NONE:
            return True
        witnessed = {witness.name for witness in self.witnesses} & set(cosigned)
        for group in self.groups:  # a group comes after its members, so one pass is enough
            if len(witnessed.intersection(group.members)) >= group.threshold:
                witnessed.add(group.name)
        return self.quorum in witnessed


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that a policy accepts: signed by `log`, cosigned by a quorum among `cosignatures`."""

    checkpoint: Checkpoint
    log: Verifier
    cosignatures: tuple[Cosignature, ...]


def verify_checkpoint(policy: Policy, note: bytes) -> VerifiedCheckpoint:
    """Accept a checkpoint note under a policy.

    FormatError when it is no checkpoint; SignatureError when no log of the policy with this origin has
    signed it, or a signature by a key of the policy is wrong; ProofError (`below-quorum`) when cosignatures
    are missing.
    """
    names = {witness.verifier: witness.name for witness in policy.witnesses}
    log, opened = open_with_any(note, [log.verifier for log in policy.logs], names)
    if not policy.satisfied(names[cosignature.verifier] for cosignature in opened.cosignatures):
        count = len(opened.cosignatures)
        raise ProofError(f"cosignatures by {count} known witnesses are below the quorum", code="below-quorum")
    return VerifiedCheckpoint(opened.checkpoint, log, opened.cosignatures)


class _Parser:
    """What was defined so far."""

    def __init__(self) -> None:
        self.logs: list[LogKey] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: bytes | None = None
        self._free: set[bytes] = set()  # defined, and in no group yet
        self._names: set[bytes] = set()

    def line(self, items: list[bytes]) -> None:
        match items:
            case []:
                pass
            case [first, *_] if first.startswith(b"#"):
                pass
            case [b"log", vkey, *url] if len(url) <= 1:
                self._log(vkey, b"".join(url))
            case [b"witness", name, vkey, *url] if len(url) <= 1:
                self._witness(name, vkey, b"".join(url))
            case [b"group", name, threshold, *members] if members:
                self._group(name, threshold, members)
            case [b"quorum", name]:
                self._quorum(name)
            case _:
                raise FormatError("not a log, witness, group or quorum definition")

    def _log(self, vkey: bytes, url: bytes) -> None:
        verifier = _verifier(vkey, LOG_KEY_TYPES, "log")
        if any(log.verifier.public_key == verifier.public_key for log in self.logs):
            raise FormatError("two logs have one public key")
        _check_count(self.logs, LOGS_MAX, "logs")
        self.logs.append(LogKey(verifier, url))

    def _witness(self, name: bytes, vkey: bytes, url: bytes) -> None:
        verifier = _verifier(vkey, WITNESS_KEY_TYPES, "witness")
        if any(witness.verifier.public_key == verifier.public_key for witness in self.witnesses):
            raise FormatError("two witnesses have one public key")
        _check_count(self.witnesses, WITNESSES_MAX, "witnesses")
        self._define(name)
        self.witnesses.append(Witness(name, verifier, url))

    def _group(self, name: bytes, threshold: bytes, members: list[bytes]) -> None:
        for member in members:
            if member not in self._names:
                raise FormatError("a group has a member that no earlier line defines")
            if member not in self._free:
                raise FormatError("a name is a member of groups more than once")
            self._free.remove(member)
        required = {b"any": 1, b"all": len(members)}.get(threshold)
        if required is None:
            required = decimal(threshold.decode("latin-1"))
        if not 1 <= required <= len(members):
            raise FormatError(f"a group of {len(members)} has a threshold of {required}")
        _check_count(self.groups, GROUPS_MAX, "groups")
        self._define(name)
        self.groups.append(Group(name, required, tuple(members)))

    def _quorum(self, name: bytes) -> None:
        if self.quorum is not None:
            raise FormatError("a second quorum line")
        if name != NONE and name not in self._names:
            raise FormatError("the quorum is a name that no earlier line defines")
        self.quorum = name

    def _define(self, name: bytes) -> None:
        if name == NONE:
            raise FormatError("the name none is reserved")
        if name in self._names:
            raise FormatError("a name is defined twice")
        self._names.add(name)
        self._free.add(name)


def _verifier(vkey: bytes, allowed: tuple[int, ...], role: str) -> Verifier:
    try:
        verifier = Verifier.parse(vkey.decode())
    except UnicodeDecodeError:
        raise FormatError("a verifier key is not UTF-8") from None
    if verifier.algorithm not in allowed:
        raise FormatError(f"a key of type {verifier.algorithm:#04x} is not a {role} key")
    return verifier


def _check_count(things: list[LogKey] | list[Witness] | list[Group], maximum: int, what: str) -> None:
    if len(things) >= maximum:
        raise FormatError(f"more than {maximum} {what}")


def _line(*items: bytes) -> bytes:
    return b" ".join(item for item in items if item) + b"\n"
