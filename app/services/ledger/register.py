"""Keys of organisations enter and leave the ledger's register, each by a public notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.core.errors import ConflictError, NotFoundError, RuleError
from app.core.log import notices
from app.core.log.note import Signer, Verifier, open_note
from app.core.log.register import Register
from app.db import admission

if TYPE_CHECKING:
    from app.core.log.register import KeyRecord
    from app.db.session import Connection
    from app.services.bureau import Bureau

OPEN_ROLES = ("lender", "utility", "public_body", "bank", "enrolment", "regulator")
"""Roles of others than the bureau itself, whose own keys come with the founding."""


def register_key(bureau: Bureau, key: Signer | bytes, role: str) -> KeyRecord:
    """Register a key by its signer, or by its holder's possession note. Raises RuleError, SignatureError, ConflictError."""
    with bureau.transaction() as connection:
        register_in(bureau, connection, key, role)
    vkey = key.verifier.encode() if isinstance(key, Signer) else _vkey_of(key)
    with bureau.transaction() as connection:
        current = bureau.register(connection).current(Verifier.parse(vkey).name)
        return next(r for r in current if r.vkey == vkey and r.role == role)


def register_in(bureau: Bureau, connection: Connection, key: Signer | bytes, role: str) -> KeyRecord | None:
    """Register a key within a transaction: None, or its record when it was registered before."""
    if role not in OPEN_ROLES:
        raise RuleError(
            f"{role!r} is no role for a registered organisation: {', '.join(OPEN_ROLES)}", code="unknown-role"
        )
    if isinstance(key, Signer):
        notice = notices.key_registered(key, role, bureau.origin, bureau.now())
    else:
        notice = _by_possession(bureau, key, role)
    if notice.name in {bureau.origin, bureau.signer.name, bureau.service.name}:
        raise RuleError(f"{notice.name!r} is a name of the bureau's own", code="reserved-name")
    admission.lock_out_admissions(connection)
    for record in bureau.register(connection).current(notice.name):
        if record.role == role:
            if record.vkey == notice.vkey:
                return record
            raise ConflictError(
                f"{notice.name!r} has a valid {role} key already: rotate or revoke it first",
                code="key-exists",
            )
    _enter(bureau, connection, notice)
    return None


def _vkey_of(note: bytes) -> str:
    lines = note.decode(errors="replace").split("\n")
    return lines[4] if len(lines) > 4 else ""


def _by_possession(bureau: Bureau, note: bytes, role: str) -> notices.KeyRegistered:
    vkey = _vkey_of(note)
    verifier = Verifier.parse(vkey)
    opened = open_note(note, [verifier])
    if not opened.verified or opened.text != notices.possession_text(
        bureau.origin, verifier.name, role, vkey
    ):
        message = (
            f"this does not prove possession of a key for {bureau.origin} as {role}:"
            " make it with `credence keys possession`"
        )
        raise RuleError(message, code="no-possession")
    return notices.key_possessed(verifier, role, note.decode(), bureau.now())


def revoke_key(bureau: Bureau, name: str, role: str, reason: str) -> KeyRecord:
    """End the valid key of a name in a role, at once for every batch not yet admitted. Raises NotFoundError."""
    with bureau.transaction() as connection:
        return revoke_in(bureau, connection, name, role, reason)


def revoke_in(bureau: Bureau, connection: Connection, name: str, role: str, reason: str) -> KeyRecord:
    """The same within a transaction."""
    admission.lock_out_admissions(connection)
    for record in bureau.register(connection).current(name):
        if record.role == role:
            notice = notices.key_revoked(Verifier.parse(record.vkey), role, reason, bureau.now())
            _enter(bureau, connection, notice)
            return record
    raise NotFoundError(f"{name!r} has no valid {role} key", code="unknown-key")


def enter_notice(bureau: Bureau, notice: notices.Notice) -> None:
    """Admit a notice that its maker signed, such as the rotation of a key. Raises RuleError when it does not hold."""
    with bureau.transaction() as connection:
        admission.lock_out_admissions(connection)
        _enter(bureau, connection, notice)


def _enter(bureau: Bureau, connection: Connection, notice: notices.Notice) -> None:
    """Admit a notice that the register's own fold accepts: with another one in it, nobody could fold it any more."""
    register = bureau.register(connection)
    Register.fold([(register.last_index + 1, notice)], after=register)
    admission.insert_notice(connection, notices.encode(notice))


def list_keys(bureau: Bureau) -> list[KeyRecord]:
    """The whole register, ended keys too."""
    with bureau.transaction() as connection:
        return bureau.register(connection).records()
