"""What the ledger has announced, a sentence a notice: for regulators and for everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext

from app.core.fields import parse_instant
from app.core.log import notices
from app.web.language import N_, format_day, format_number

if TYPE_CHECKING:
    import datetime as dt

    from app.core.log.notices import Notice

ROLES = {
    "lender": N_("a lender"),
    "utility": N_("a utility"),
    "public_body": N_("a public body"),
    "bank": N_("a bank"),
    "enrolment": N_("an enrolment office"),
    "regulator": N_("a regulator"),
    "service": N_("the bureau's service"),
    "bureau": N_("the bureau"),
}


def _(text: str, **values: str) -> str:
    said: str = gettext(text, **values)
    return said


def moment(notice: Notice) -> dt.datetime:
    """When it was made."""
    return parse_instant(notice.time)


def sentence(notice: Notice) -> str:
    """What it says. Names and numbers are those of the notice."""
    match notice:
        case notices.Genesis():
            return _("The ledger %(origin)s was founded.", origin=notice.origin)
        case notices.KeyRegistered():
            return _("%(name)s was registered as %(role)s.", name=notice.name, role=_(ROLES[notice.role]))
        case notices.KeyRotated():
            return _("%(name)s, %(role)s, has a new key.", name=notice.name, role=_(ROLES[notice.role]))
        case notices.KeyRevoked():
            said = {"name": notice.name, "role": _(ROLES[notice.role]), "reason": notice.reason}
            return _("The key of %(name)s, %(role)s, was revoked: %(reason)s", **said)
        case notices.ScorecardPublished():
            said = {"card": notice.scorecard[:12], "day": format_day(notice.from_)}
            if notice.role == "champion":
                return _("The scorecard %(card)s was published, in use from %(day)s.", **said)
            return _(
                "The scorecard %(card)s was published, scored beside the one in use from %(day)s.", **said
            )
        case notices.WitnessPolicy():
            return _(
                "The witnesses of the ledger were named in the document %(hash)s.", hash=notice.policy[:12]
            )
        case notices.AuditOpened():
            said = {
                "case": notice.case,
                "first": format_number(notice.from_),
                "last": format_number(notice.to),
            }
            return _(
                "A regulator opened an audit of the entries %(first)s to %(last)s under the case %(case)s.",
                **said,
            )
        case notices.ErasureDone():
            return _(
                "The erasure asked for in entry %(index)s was carried out.", index=format_number(notice.index)
            )
        case notices.Destroyed():
            said = {"count": format_number(len(notice.entries))}
            if notice.reason == "erasure":
                return _("The text of %(count)s entries is destroyed because the citizen asked.", **said)
            return _("The text of %(count)s entries is destroyed because its time is over.", **said)
    raise AssertionError(notice)
