"""The key register: whose key may sign what, between which places of the log, as the fold of the notices.

    {"from":3,"name":"bank.example/cards","role":"lender","to":9007199254740991,"vkey":"bank.example/cards+1.."}

is the canonical record of a key that the notice at log index 3 brought and that is still valid (`to` is
2**53-1; else the index of the notice that ended it). A batch is judged at the index of its batch entry: the
key is valid for `from < index < to`. A name may have several roles, each with one valid key at a time.
Records stay when keys end, and a key that has ended never comes back under its name.

The fold checks every notice: a new key shows possession, a rotation is signed by the key it replaces (or says
`recovery`), only the key that is valid is revoked. `root` commits a block to the register.

Source: formats.md section 5; rule R4; RFC 6962 section 2.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from app.core import canon
from app.core.errors import CredenceError, RuleError
from app.core.log import merkle
from app.core.log.note import Verifier, open_note
from app.core.log.notices import (
    Genesis,
    KeyRegistered,
    KeyRevoked,
    KeyRotated,
    Notice,
    possession_text,
    rotation_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

STILL_VALID: Final = 2**53 - 1


class KeyRecord(NamedTuple):
    """A key in a role. Both indices are log indices of notices; `to_index` is 2**53-1 while it is valid."""

    name: str
    role: str
    vkey: str
    from_index: int
    to_index: int

    def holds_at(self, index: int) -> bool:
        """Whether the key was valid for a batch entry at this log index."""
        return self.from_index < index < self.to_index

    def encode(self) -> bytes:
        """The canonical record."""
        return canon.encode(
            {
                "from": self.from_index,
                "name": self.name,
                "role": self.role,
                "to": self.to_index,
                "vkey": self.vkey,
            }
        )

    @property
    def verifier(self) -> Verifier:
        """The key as a verifier."""
        return Verifier.parse(self.vkey)


@dataclass(frozen=True, slots=True)
class Register:
    """All keys of a ledger's organisations. Made by `fold`; never changed."""

    origin: str
    last_index: int
    _by_name: dict[str, tuple[KeyRecord, ...]]

    @classmethod
    def fold(cls, notices: Iterable[tuple[int, Notice]], *, after: Register | None = None) -> Register:
        """The register after notices, given with their log indices in ascending order.

        The first is the genesis at index 0, unless the fold goes on `after` another register. RuleError (code
        `bad-notice`) for one that does not hold.
        """
        origin, last_index = ("", -1) if after is None else (after.origin, after.last_index)
        by_name = {} if after is None else dict(after._by_name)  # noqa: SLF001 - our own
        for index, notice in notices:
            if not last_index < index < STILL_VALID:
                raise _bad(index, "the notices are not in the order of the log")
            if isinstance(notice, Genesis) != (last_index < 0) or (index == 0) != (last_index < 0):
                raise _bad(index, "a ledger begins with its genesis, and has no other")
            if isinstance(notice, Genesis):
                origin = notice.origin
            elif isinstance(notice, KeyRegistered | KeyRotated | KeyRevoked):
                records = by_name.get(notice.name, ())
                by_name[notice.name] = _apply(origin, records, index, notice)
            last_index = index
        return cls(origin, last_index, by_name)

    def verifier_for(self, name: str, role: str, at_index: int) -> Verifier | None:
        """The key of a name in a role that was valid for a batch entry at a log index, if there was one."""
        for record in self._by_name.get(name, ()):
            if record.role == role and record.holds_at(at_index):
                return record.verifier
        return None

    def verifiers(self, name: str, at_index: int) -> list[tuple[Verifier, frozenset[str]]]:
        """The keys of a name that were valid at a log index, each with its roles."""
        roles: dict[str, set[str]] = {}
        for record in self._by_name.get(name, ()):
            if record.holds_at(at_index):
                roles.setdefault(record.vkey, set()).add(record.role)
        return [(Verifier.parse(vkey), frozenset(names)) for vkey, names in roles.items()]

    def verifiers_in(self, role: str, at_index: int) -> list[Verifier]:
        """The keys in a role that were valid at a log index, whoever's they are."""
        records = chain.from_iterable(self._by_name.values())
        return [record.verifier for record in records if record.role == role and record.holds_at(at_index)]

    def current(self, name: str) -> list[KeyRecord]:
        """The records of a name's keys that are valid now."""
        return [record for record in self._by_name.get(name, ()) if record.to_index == STILL_VALID]

    def records(self) -> list[KeyRecord]:
        """Every key that ever was, in the order of its notice."""
        return sorted(chain.from_iterable(self._by_name.values()), key=lambda record: record.from_index)

    def root(self) -> bytes:
        """32 bytes: the RFC 6962 root over the canonical records as entries, sorted as bytes."""
        encoded = sorted(record.encode() for record in chain.from_iterable(self._by_name.values()))
        return merkle.root(map(merkle.leaf_hash, encoded))


def _apply(
    origin: str, records: tuple[KeyRecord, ...], index: int, notice: KeyRegistered | KeyRotated | KeyRevoked
) -> tuple[KeyRecord, ...]:
    """A name's records after a notice about one of its keys."""
    current = [r for r in records if r.role == notice.role and r.to_index == STILL_VALID]
    assert len(current) <= 1, "a name has one valid key in a role"
    who = f"{notice.name} in the role {notice.role}"
    if isinstance(notice, KeyRegistered):
        if current:
            raise _bad(index, f"{who} has a valid key: rotate it")
        return (*records, _new_key(origin, records, index, notice))
    if not current:
        raise _bad(index, f"{who} has no valid key")
    ended = tuple(r._replace(to_index=index) if r is current[0] else r for r in records)
    if isinstance(notice, KeyRevoked):
        if notice.vkey != current[0].vkey:
            raise _bad(index, f"the revoked key is not the one that {who} has")
        return ended
    if notice.signed_by_old is not None:
        text = rotation_text(origin, notice.name, notice.role, notice.vkey)
        _check_signed(index, "`signed_by_old`", notice.signed_by_old, text, current[0].vkey)
    elif notice.recovery is not True:
        raise _bad(index, "a rotation is signed by the old key or says recovery")
    return (*ended, _new_key(origin, ended, index, notice))


def _new_key(
    origin: str, records: tuple[KeyRecord, ...], index: int, notice: KeyRegistered | KeyRotated
) -> KeyRecord:
    """The record of a key that a notice brings, once its holder has shown possession."""
    if any(record.vkey == notice.vkey and record.to_index != STILL_VALID for record in records):
        raise _bad(index, f"this key of {notice.name} has ended and never comes back: make a new one")
    text = possession_text(origin, notice.name, notice.role, notice.vkey)
    _check_signed(index, "`possession`", notice.possession, text, notice.vkey)
    return KeyRecord(notice.name, notice.role, notice.vkey, index, STILL_VALID)


def _check_signed(index: int, what: str, note: str, text: bytes, vkey: str) -> None:
    try:
        opened = open_note(note.encode(), [Verifier.parse(vkey)])
    except CredenceError as error:
        raise _bad(index, f"{what} does not hold: {error.detail}") from None
    if opened.text != text or opened.unverified:
        raise _bad(index, f"{what} is not over what this notice says, by the one key")


def _bad(index: int, detail: str) -> RuleError:
    return RuleError(f"the notice at log index {index} is refused: {detail}", code="bad-notice")
