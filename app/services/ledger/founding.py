"""Founding a ledger: keys into the home folder, the first notices into admission, all of it once.

The genesis names the origin, the ledger's key, the VRF key, the jurisdiction, the clock and the identifier scheme; none of
them can change later. With it come the bureau's own keys and the first scorecard. Interrupted, it is simply done again:
existing keys are kept, and the notices go in together or not at all.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.errors import RefusedError
from app.core.log import notices
from app.core.scoring.scorecard import expert_card
from app.core.state.vrf import VrfKey
from app.db import admission, session
from app.db.engine import database_url, make_engine
from app.services.bureau import utc_now
from app.services.ledger.cards import Publication, publish_card

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from app.services.home import Home

SERVICE_NAME = "service"
BUREAU_NAME = "bureau"


@dataclass(frozen=True, slots=True)
class Charter:
    """What is fixed at the founding and for ever."""

    origin: str = "credence.example/research"
    scheme: str = "uci"
    profile: str = "cn"
    utc_offset_minutes: int = 480

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Charter:
        """CREDENCE_ORIGIN, CREDENCE_SCHEME, CREDENCE_PROFILE, CREDENCE_UTC_OFFSET_MINUTES; RefusedError if one is bad."""
        offset = environ.get("CREDENCE_UTC_OFFSET_MINUTES", "480")
        if not offset.lstrip("-").isdecimal() or not -720 <= int(offset) <= 840:
            raise RefusedError(
                "CREDENCE_UTC_OFFSET_MINUTES is a whole number from -720 to 840", code="bad-setting"
            )
        usual = cls()
        return cls(
            environ.get("CREDENCE_ORIGIN", usual.origin),
            environ.get("CREDENCE_SCHEME", usual.scheme),
            environ.get("CREDENCE_PROFILE", usual.profile),
            int(offset),
        )


def found(
    home: Home, charter: Charter, url: str | None = None, *, now: Callable[[], dt.datetime] = utc_now
) -> bool:
    """Found a ledger in a migrated, empty database; False when the database holds one already. Raises RefusedError."""
    engine = make_engine(url or database_url(home.path))
    try:
        with session.transaction(engine) as connection:
            admission.lock_out_admissions(connection)
            if admission.newest_notice(connection):
                return False
            if home.head.exists():
                message = (
                    f"{home.head} is the signed head of a ledger, but this database is empty. Restore that ledger's"
                    " database, or use another CREDENCE_HOME for a new one (docs/operations.md)"
                )
                raise RefusedError(message, code="rolled-back")
            for notice in _first_notices(home, charter, now()):
                admission.insert_notice(connection, notices.encode(notice))
            card = expert_card().document
            today = (now() + dt.timedelta(minutes=charter.utc_offset_minutes)).date()
            publish_card(connection, Publication(card, "champion", today), now())
    finally:
        engine.dispose()
    return True


def _first_notices(home: Home, charter: Charter, moment: dt.datetime) -> list[notices.Notice]:
    ledger_key = home.create_signer("ledger", charter.origin)
    if ledger_key.name != charter.origin:
        message = f"{home.keys} holds the keys of the ledger {ledger_key.name!r}, not of {charter.origin!r}"
        raise RefusedError(message, code="other-ledger")
    service = home.create_signer("service", SERVICE_NAME)
    bureau = home.create_signer("bureau", BUREAU_NAME)
    vrf = VrfKey.from_seed(home.create_secret("vrf.seed"))
    home.create_secret("wrap.key")
    genesis = notices.genesis(
        ledger_key.verifier,
        vrf_public=vrf.public,
        profile=charter.profile,
        utc_offset_minutes=charter.utc_offset_minutes,
        scheme=charter.scheme,
        random=secrets.token_bytes(32),
        time=moment,
    )
    return [
        genesis,
        notices.key_registered(service, "service", charter.origin, moment),
        notices.key_registered(bureau, "bureau", charter.origin, moment),
    ]
