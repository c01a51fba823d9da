"""A citizen's consents and freeze as they are this second, and the events that change them.

    read(bureau, token)                                       what holds, what is over, whether the file is frozen
    given("bank.example", ["credit_application"], until)      the event of a new consent, for `acts.draft`
    limited(consent, purposes, until)                         a narrower one in its place: two events, admitted together

Nothing is recorded here: `services.citizens.acts` does, once it is signed. It counts from its receipt on (R15, R17, R18).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from app.core.errors import RuleError
from app.core.fields import parse_day
from app.core.reporting.event_base import is_day
from app.core.scoring.access import PURPOSES_OF_BANKS
from app.services.citizens import passkeys, sessions
from app.services.citizens.sharing import audiences

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.core.scoring.folded import Consent, File
    from app.services.bureau import Bureau
    from app.services.citizens.acts import Act

DAYS_MAX: Final = 3 * 366
PURPOSES: Final = tuple(sorted(PURPOSES_OF_BANKS))


@dataclass(frozen=True, slots=True)
class ConsentView:
    """`state`: `holds`, `later` (first day ahead), `over`, `withdrawn`; `until` is the first day on which it is over."""

    id: str
    grantee: str
    purposes: tuple[str, ...]
    first_day: str
    until: str
    state: str
    withdrawn: str = ""

    @property
    def last_day(self) -> str:
        """The last day on which it holds."""
        return (dt.date.fromisoformat(self.until) - dt.timedelta(days=1)).isoformat()


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask. Since `frozen_since`, unless it is "", nobody gets an answer about new credit, but for `exceptions`:
    (bank, or "" for all of them; the day on which it is over, or "").
    """

    consents: list[ConsentView]
    frozen_since: str
    exceptions: list[tuple[str, str]]
    banks: list[str]

    def consent(self, consent_id: str) -> ConsentView | None:
        """The one of this id, if it holds or will."""
        found = [each for each in self.consents if each.id == consent_id]
        return found[0] if found and found[0].state in ("holds", "later") else None


def read(bureau: Bureau, session_token: str) -> Access:
    """As of now, block or no block. NotFoundError when the session is over."""
    with bureau.transaction() as connection:
        _, person = sessions.own(bureau, connection, session_token)
        file = passkeys.file_now(connection, person)
    today = bureau.today()
    views = [_view(name, each, today) for name, each in file.consents.items() if each.grantee is not None]
    views.sort(key=lambda each: (each.first_day, each.id), reverse=True)
    since, exceptions = _freeze(file, today)
    return Access(views, since, exceptions, audiences(bureau))


def given(bureau: Bureau, banks: Collection[str], grantee: str, purposes: Collection[str], until: str) -> Act:
    """A new consent from today on. RuleError with the field at fault as its code."""
    if grantee not in banks:
        raise RuleError("this bank is not registered", code="grantee")
    if not purposes or not set(purposes) <= set(PURPOSES):
        raise RuleError("a consent is for one purpose or several", code="purposes")
    _check_until(bureau, until)
    return "consent_given", {"grantee": grantee, "purposes": sorted(set(purposes)), "until": until}


def withdrawn(consent: ConsentView) -> Act:
    """The end of a consent, at once."""
    return "consent_withdrawn", {"consent": consent.id}


def limited(bureau: Bureau, consent: ConsentView, purposes: Collection[str], until: str) -> list[Act]:
    """A narrower consent in the place of this one. RuleError when it would be wider, or the same."""
    if not set(purposes) <= set(consent.purposes):
        raise RuleError("a purpose cannot be added here: give another consent", code="purposes")
    narrower = given(bureau, [consent.grantee], consent.grantee, purposes, until)
    if until > consent.until:
        raise RuleError("it cannot be made longer here: give another consent", code="until")
    if (tuple(narrower[1]["purposes"]), until) == (consent.purposes, consent.until):
        raise RuleError("nothing would change", code="purposes")
    return [narrower, withdrawn(consent)]


def thawed(bureau: Bureau, banks: Collection[str], grantee: str, until: str) -> Act:
    """The end of a freeze: for one bank or (empty) for all, until a day or (empty) for good. RuleError."""
    more = {}
    if grantee:
        if grantee not in banks:
            raise RuleError("this bank is not registered", code="grantee")
        more["grantee"] = grantee
    if until:
        _check_until(bureau, until)
        more["until"] = until
    return "thaw", more


def _check_until(bureau: Bureau, until: str) -> None:
    days = (parse_day(until) - parse_day(bureau.today())).days if is_day(until) else 0
    if not 0 < days <= DAYS_MAX:
        raise RuleError(f"the end is a day ahead, at most {DAYS_MAX} days from now", code="until")


def _view(consent_id: str, consent: Consent, today: str) -> ConsentView:
    first, until = consent.from_ or "", consent.until or ""
    if consent.withdrawn is not None and consent.withdrawn <= today:
        state = "withdrawn"
    elif until <= today:
        state = "over"
    else:
        state = "later" if today < first else "holds"
    grantee, ended = consent.grantee or "", consent.withdrawn or ""
    return ConsentView(consent_id, grantee, consent.purposes, first, until, state, ended)


def _freeze(file: File, today: str) -> tuple[str, list[tuple[str, str]]]:
    """(since when the file is frozen or "", the exceptions that hold today), as in `core.scoring.score.frozen_for` for every
    bank.
    """
    since = ""
    exceptions: list[tuple[str, str]] = []
    for entry in file.freezes:
        if entry.day > today:
            break
        if entry.frozen or not (entry.grantee or entry.until):
            since, exceptions = (entry.day if entry.frozen else ""), []
        else:
            exceptions.append((entry.grantee, entry.until))
    return since, [each for each in exceptions if since and (not each[1] or each[1] > today)]
