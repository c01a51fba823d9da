"""May this look happen? Consent, purpose and freeze, judged from the folded file on one local day (R15, R17, R18, R21).

    purpose self, regulator   not through the door of banks: `self` is a session, `regulator` an opened audit
    no consent given          no_consent       none of that id, or given to another bank
    withdrawn                 consent_withdrawn
    not yet, or no longer     consent_expired
    other purpose             wrong_purpose
    frozen                    frozen           credit_application alone; a thaw may name one bank and an end

An inquiry names the consent it relies on, or none: then any consent that fits will do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from app.core.scoring.score import frozen_for

if TYPE_CHECKING:
    from app.core.reporting.event_types import Inquiry
    from app.core.scoring.folded import Consent, File

Reason = Literal["no_consent", "consent_expired", "consent_withdrawn", "wrong_purpose", "frozen"]

REASONS: Final[dict[str, str]] = {
    "no_consent": "the citizen has given this bank no consent (R15)",
    "consent_expired": "the citizen's consent does not hold today (R17)",
    "consent_withdrawn": "the citizen has withdrawn the consent (R17)",
    "wrong_purpose": "the citizen's consent does not cover this purpose (R15)",
    "frozen": "the citizen has frozen their file against new credit (R18)",
}
PURPOSES_OF_BANKS: Final = frozenset({"account_review", "collection", "credit_application"})
_CLOSENESS: Final = ("frozen", "wrong_purpose", "consent_expired", "consent_withdrawn", "no_consent")


class Look(NamedTuple):
    """A look that no inquiry of its own asks for, such as a watch's: by whom, for what, under which consent or any."""

    furnisher: str
    purpose: str
    consent: str | None = None


def reason_to_refuse(file: File, inquiry: Inquiry | Look, day: str) -> Reason | None:
    """Why a bank may not look on this local day, or None when it may."""
    if inquiry.purpose not in PURPOSES_OF_BANKS:
        return "wrong_purpose"
    consents = file.consents
    if inquiry.consent is not None:
        consents = {inquiry.consent: consents[inquiry.consent]} if inquiry.consent in consents else {}
    reasons = [_consent_reason(consent, inquiry, day) for consent in consents.values()]
    if None not in reasons:
        return min((r for r in reasons if r is not None), key=_CLOSENESS.index, default="no_consent")
    if inquiry.purpose == "credit_application" and frozen_for(file, day, inquiry.furnisher)[0]:
        return "frozen"
    return None


def _consent_reason(consent: Consent, inquiry: Inquiry | Look, day: str) -> Reason | None:
    if consent.grantee != inquiry.furnisher or consent.from_ is None or consent.until is None:
        return "no_consent"
    if consent.withdrawn is not None and consent.withdrawn <= day:
        return "consent_withdrawn"
    if not consent.from_ <= day < consent.until:
        return "consent_expired"
    return None if inquiry.purpose in consent.purposes else "wrong_purpose"
