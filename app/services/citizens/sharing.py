"""A citizen shows somebody that the score is at least so much, and nothing more: by a link, for a time.

    id = begin(bureau, citizen_id, Wanted("bank.demo", 650, 86_400))     a range credential is recorded
    draft(bureau, citizen_id, id).challenge                              what the passkey signs, once a block has it
    link = sign(bureau, citizen_id, id, assertion)                       the link's token: the share is on
    opened(bureau, token)                                                what whoever has the link gets
    end(bureau, citizen_id, id)

The credential's holder is one of the citizen's passkeys, so nobody else can make the presentation, not even the bureau. It is
kept as the assertion alone, sealed under the citizen's data key with the link's token; the proof is put together anew at each
opening, from the newest block, so that it never grows old and goes with the event that it comes from. The score is in none of
it. Source: docs/formats.md section 16.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import orjson

from app.core import canon
from app.core.errors import NotFoundError, RuleError
from app.core.fields import format_instant, format_unpadded, parse_instant
from app.core.log.policy import Policy
from app.core.log.register import STILL_VALID
from app.core.proving.claims.head import Asked
from app.core.proving.claims.range_proof import present, signed, verify_range
from app.core.proving.holder import Assertion, Holder
from app.core.state import sealing
from app.db import sharing
from app.services.citizens import acts, links, passkeys
from app.services.ledger import witness_policy
from app.services.proving import range_credentials

if TYPE_CHECKING:
    import datetime as dt

    from app.core.scoring.folded import File
    from app.db.sharing import ShareRow
    from app.services.bureau import Bureau
    from app.services.citizens.people import Person

ROLE: Final = "bank"
OPEN_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Wanted:
    """To whom, at least how much, for how long; by which passkey (base64url), or the newest."""

    audience: str
    at_least: int
    lifetime_s: int
    credential: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """One share as its citizen sees it. `token` is the link's, empty until it was signed."""

    id: str
    audience: str
    at_least: int
    expires: dt.datetime
    token: str
    opened: int
    opened_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be signed: the challenge, and by which passkey (both base64url)."""

    share: Share
    challenge: str
    credential: str


@dataclass(frozen=True, slots=True)
class Opened:
    """What whoever has the link gets: the proof, and for whom alone it is one."""

    proof: bytes
    audience: str
    expires: dt.datetime


def audiences(bureau: Bureau) -> list[str]:
    """Whom something can be shown to: the banks with a valid key."""
    with bureau.transaction() as connection:
        records = bureau.register(connection).records()
    return sorted(
        {record.name for record in records if record.role == ROLE and record.to_index == STILL_VALID}
    )


def usable_passkeys(bureau: Bureau, citizen_id: int) -> list[str]:
    """The citizen's passkeys that can hold a credential, the newest first."""
    with bureau.transaction() as connection:
        person = links.hold(bureau, connection, citizen_id)
        return list(_holders(passkeys.file_now(connection, person)))


def _holders(file: File) -> dict[str, str]:
    """Passkey -> holder key, the newest first; a passkey that is not ES256 cannot be one."""
    found = {}
    for name in sorted(
        passkeys.standing(file), key=lambda name: file.passkeys[name].added or "", reverse=True
    ):
        holder = Holder.of_passkey(file.passkeys[name].public_key or "")
        if holder is not None:
            found[name] = holder.text
    return found


def begin(bureau: Bureau, citizen_id: int, wanted: Wanted) -> str:
    """Have a credential recorded; the share's id. RuleError: there is no passkey (`no-passkey`), the score is not that high
    (`not-in-range`), or what `range_credentials.issue` raises.
    """
    if wanted.audience not in audiences(bureau):
        raise RuleError("there is no such bank in this ledger", code="no-audience")
    with bureau.transaction() as connection:
        person = links.hold(bureau, connection, citizen_id)
        holders = _holders(passkeys.file_now(connection, person))
        citizen = links.identifier_of(connection, person)
        open_now = [
            row for row in sharing.of_citizen(connection, citizen_id) if row.expires_at > bureau.now()
        ]
    credential = wanted.credential or next(iter(holders), "")
    if credential not in holders:
        raise RuleError("a credential is given to a passkey, and there is none", code="no-passkey")
    if len(open_now) >= OPEN_MAX:
        raise RuleError(f"{OPEN_MAX} shares at a time are enough: end some", code="too-many")
    issued = range_credentials.issue(
        bureau,
        citizen,
        range_credentials.Wish(
            audience=wanted.audience,
            holder=holders[credential],
            lifetime_s=wanted.lifetime_s,
            at_least=wanted.at_least,
        ),
    )
    kept = {
        "at_least": wanted.at_least,
        "audience": wanted.audience,
        "expires": format_instant(issued.expires),
        "issued": issued.credential,
        "passkey": credential,
    }
    share = os.urandom(16)
    with bureau.transaction() as connection:
        person = links.hold(bureau, connection, citizen_id)
        sharing.add(connection, share, citizen_id, _sealed(person, kept), issued.expires)
    return format_unpadded(share)


def draft(bureau: Bureau, citizen_id: int, share_id: str) -> Draft:
    """What is to be signed. NotFoundError; NotYetError while no block holds the credential."""
    person, row, citizen = _share(bureau, citizen_id, share_id)
    kept = _opened(person, row)
    text, _ = _presentation(bureau, citizen, kept)
    return Draft(_view(row, kept), format_unpadded(sha256(text).digest()), kept["passkey"])


def sign(bureau: Bureau, citizen_id: int, share_id: str, given: dict[str, str]) -> str:
    """Turn the share on with its passkey's assertion; the link's token. NotFoundError, FormatError, SignatureError."""
    person, row, citizen = _share(bureau, citizen_id, share_id)
    kept = _opened(person, row)
    parts = {name: given.get(name) for name in ("authenticator_data", "client_data", "signature")}
    assertion = Assertion.parse(parts)
    _, proof = _presentation(bureau, citizen, kept)
    policy = Policy.parse(witness_policy.without_witnesses(bureau))
    verify_range(signed(proof, assertion), Asked(policy, bureau.now(), audience=kept["audience"]))
    token = secrets.token_urlsafe(32)
    kept |= {"assertion": assertion.as_json(), "token": token}
    with bureau.transaction() as connection:
        person = links.hold(bureau, connection, citizen_id)
        sharing.keep_signed(connection, row.id, _sealed(person, kept), _hash(token))
    return token


def shares(bureau: Bureau, citizen_id: int) -> list[Share]:
    """A citizen's shares that have not ended, the one that ends last first."""
    with bureau.transaction() as connection:
        person = links.hold(bureau, connection, citizen_id)
        rows = sharing.of_citizen(connection, citizen_id)
        now = bureau.now()
        return [_view(row, _opened(person, row)) for row in rows if row.expires_at > now]


def share(bureau: Bureau, citizen_id: int, share_id: str) -> Share:
    """One of them. NotFoundError."""
    person, row, _ = _share(bureau, citizen_id, share_id)
    return _view(row, _opened(person, row))


def end(bureau: Bureau, citizen_id: int, share_id: str) -> None:
    """The link works no more. NotFoundError when there was none. What somebody has kept of it, they have."""
    with bureau.transaction() as connection:
        if not sharing.end(connection, citizen_id, acts.bytes_of(share_id)):
            raise NotFoundError("there is no such share", code="no-share")


def opened(bureau: Bureau, token: str, *, count: bool = True) -> Opened:
    """What a link shows. NotFoundError for one that was ended, is over, or never was."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        row = sharing.by_token(connection, _hash(token), bureau.now())
        if row is None:
            raise NotFoundError("this link does not work, or works no more", code="no-share")
        person = links.person_by_id(bureau, connection, row.citizen)
        kept, citizen = _opened(person, row), links.identifier_of(connection, person)
        if count:
            sharing.count_opening(connection, row.id, bureau.now())
    _, proof = _presentation(bureau, citizen, kept)
    return Opened(signed(proof, Assertion.parse(kept["assertion"])), kept["audience"], row.expires_at)


def _presentation(bureau: Bureau, citizen: str, kept: dict[str, Any]) -> tuple[bytes, dict[str, canon.JSON]]:
    """(the text that is signed, the proof but for the signature), as of the newest block."""
    return present(range_credentials.fetch(bureau, citizen, kept["issued"]), at_least=kept["at_least"])


def _share(bureau: Bureau, citizen_id: int, share_id: str) -> tuple[Person, ShareRow, str]:
    """(whose, the row, the identifier). NotFoundError."""
    with bureau.transaction() as connection:
        bureau.people.hold(connection)
        row = sharing.one(connection, citizen_id, acts.bytes_of(share_id))
        if row is None or row.expires_at <= bureau.now():
            raise NotFoundError("there is no such share", code="no-share")
        person = links.person_by_id(bureau, connection, citizen_id)
        return person, row, links.identifier_of(connection, person)


def _view(row: ShareRow, kept: dict[str, Any]) -> Share:
    return Share(
        id=format_unpadded(row.id),
        audience=kept["audience"],
        at_least=kept["at_least"],
        expires=parse_instant(kept["expires"]),
        token=kept.get("token", ""),
        opened=row.opened,
        opened_at=row.opened_at,
    )


def _opened(person: Person, row: ShareRow) -> dict[str, Any]:
    kept: dict[str, Any] = orjson.loads(sealing.unseal(person.data_key, row.sealed))
    return kept


def _sealed(person: Person, kept: dict[str, Any]) -> bytes:
    return sealing.seal(person.data_key, os.urandom(sealing.NONCE_SIZE), canon.encode(kept))


def _hash(token: str) -> bytes:
    return sha256(b"credence/share@v1\0" + token.encode()).digest()
