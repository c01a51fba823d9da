"""What a signed-in citizen can do, in groups: the bar at the top and the list at the end of every page of theirs.

The number of unread messages stands beside its link.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import g, session

from app.services.citizens import links
from app.web.language import N_
from app.web.state import bureau

TOKEN = "citizen"  # noqa: S105 - the name of a member of the session, not a password


@dataclass(frozen=True, slots=True)
class Link:
    """A page, its name, and what it is for in half a sentence."""

    path: str
    name: str
    purpose: str = ""


OVERVIEW = Link("/record", N_("Overview"))
ENTRIES = Link("/record/events", N_("What was reported"), N_("every entry, with its place in the ledger"))
LOOKS = Link("/record/looks", N_("Who looked"), N_("who, when, why, and what they were shown"))
ALERTS = Link("/record/alerts", N_("News"), N_("looks, new negative entries, answers to disputes"))
SHARE = Link("/record/share", N_("Share"), N_("prove to one bank that your score is high enough"))

BAR = (OVERVIEW, ENTRIES, LOOKS, ALERTS, SHARE)

GROUPS: tuple[tuple[str, tuple[Link, ...]], ...] = (
    (
        N_("See"),
        (
            OVERVIEW,
            ENTRIES,
            LOOKS,
            ALERTS,
            Link("/record/letters", N_("Letters"), N_("decisions against you, with the reasons")),
            Link("/record/what-if", N_("Try out"), N_("what would change your score")),
        ),
    ),
    (
        N_("Put right"),
        (
            Link("/record/disputes", N_("Disputes"), N_("what you said was wrong, and how it stands")),
            Link("/record/statements", N_("Your statements"), N_("your own words beside an entry")),
            Link("/record/cases", N_("Ask for a person"), N_("somebody looks at your case")),
        ),
    ),
    (
        N_("Decide"),
        (
            Link("/record/consents", N_("Consents"), N_("who may ask, for what, until when")),
            Link("/record/freeze", N_("Freeze"), N_("nobody opens new credit in your name")),
            Link("/record/erase", N_("Erase"), N_("what rests on your consent")),
        ),
    ),
    (
        N_("Take along"),
        (
            SHARE,
            Link("/record/export", N_("Export"), N_("everything about you, to keep and to check")),
            Link("/check", N_("Check a proof"), N_("yours, or somebody else's")),
        ),
    ),
    (
        N_("Signing in"),
        (Link("/record/security", N_("Security"), N_("your passkeys and open sessions")),),
    ),
)


def citizen() -> int | None:
    """Whose session this is, if anybody's; asked once a request."""
    if "citizen" not in g:
        token = session.get(TOKEN, "")
        g.citizen = links.session_citizen(bureau(), token) if token else None
    found: int | None = g.citizen
    return found


def is_citizen() -> bool:
    """Whether a citizen is signed in here: then every page for people has their bar."""
    return citizen() is not None


def ask_nothing() -> None:
    """The page of this request is an error page, which has to come also when the database does not."""
    g.citizen = None
