"""News for a citizen, and the mail that says there is some.

    GET  /record/alerts         what is new, newest first; a visit reads it
    GET  /record/alerts/mail    to which address mail goes
    POST /record/alerts/mail    `action`: `ask` for a code to an address, `confirm` it, or `end`

The mail itself says only that there is news (services.citizens.mailing). An address is typed into a form and never stands in
a URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask_babel import gettext

from app.core.errors import ConflictError, DamagedError, FormatError, NotFoundError, RuleError
from app.services.citizens import alerts, mail, mailing
from app.web import words
from app.web.citizens import menu
from app.web.citizens.record import not_yet, session_citizen
from app.web.headers import keep_private
from app.web.language import text_language
from app.web.limits import limited
from app.web.state import bureau

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as AnyResponse

    from app.services.citizens.alerts import Alert

blueprint = Blueprint("alerts", __name__)
blueprint.after_request(keep_private)
SHOWN_MAX = 100
ON_OVERVIEW = 3


def unread() -> int:
    """How much unread news whoever is signed in has; asked once a request."""
    if not menu.is_citizen():
        return 0
    if "unread_alerts" not in g:
        if request.endpoint == "record.show":
            g.unread_alerts = sum(each.is_new for each in _news())
        else:
            try:
                g.unread_alerts = alerts.unread(bureau(), session_citizen())
            except DamagedError:  # a page that needs nothing of it shows no number
                g.unread_alerts = 0
    count: int = g.unread_alerts
    return count


def few() -> list[Alert]:
    """The newest of it, for the overview."""
    return _news()[:ON_OVERVIEW]


def _news() -> list[Alert]:
    if "news" not in g:
        g.news = alerts.newest(bureau(), session_citizen(), SHOWN_MAX)
    found: list[Alert] = g.news
    return found


@blueprint.get("/record/alerts")
def show() -> Response | str:
    citizen = session_citizen()
    try:
        seen = _news()
    except NotFoundError:
        return not_yet()
    alerts.mark_read(bureau(), citizen, seen)
    g.unread_alerts = 0
    return render_template("alerts.html", news=seen, subscription=mailing.subscription(bureau(), citizen))


@blueprint.get("/record/alerts/mail")
def mail_settings() -> Response:
    return _mail_page()


@blueprint.post("/record/alerts/mail")
@limited("10 per minute")
def change_mail() -> AnyResponse:
    citizen, mailer = session_citizen(), mail.from_environment(bureau().home.path)
    try:
        match request.form.get("action"):
            case "ask":
                mailing.ask(bureau(), mailer, citizen, request.form.get("address", ""), text_language())
            case "confirm":
                if not mailing.confirm(bureau(), citizen, request.form.get("code", "")):
                    return _mail_page(
                        ("code", gettext("This is not the code. Look into the newest mail from us.")), 422
                    )
            case "end":
                mailing.forget(bureau(), citizen)
    except FormatError:
        return _mail_page(("address", gettext("Enter an e-mail address in the form name@example.com.")), 422)
    except RuleError:
        return _mail_page(("address", gettext("A code was sent less than a minute ago. Wait a little.")), 422)
    except ConflictError:
        return _mail_page(("address", gettext("The code is too old. Enter your address once more.")), 422)
    except mail.MailError:
        return _mail_page(
            ("address", gettext("The mail could not be sent. Check the address, or try again later.")), 503
        )
    return redirect(url_for("alerts.mail_settings"), 303)


def _mail_page(problem: tuple[str, str] | None = None, status: int = 200) -> Response:
    """The page with what is set, and with what was wrong."""
    html = render_template(
        "alerts_mail.html",
        subscription=mailing.subscription(bureau(), session_citizen()),
        problem=problem,
        typed=request.form.get("address", ""),
        to_folder=isinstance(mail.from_environment(bureau().home.path), mail.Folder),
    )
    return Response(html, status)


# ---- in words


class Told(NamedTuple):
    """What happened, in a sentence; where it is shown, if it is; what a case would be about, where somebody is to tell us."""

    sentence: str
    address: str = ""
    about: str = ""


def told(alert: Alert) -> Told:
    """One piece of news."""
    match alert.kind:
        case alerts.AUDIT:
            return Told(_said(alert))
        case "repaired":
            return Told(_repair(alert), url_for("entries.items", entry=alert.event.fields["target"]))
        case "looked" | "refused":
            return Told(_said(alert), url_for("entries.looks", entry=alert.log_index))
        case "opened":
            return Told(_said(alert), url_for("entries.looks", entry=alert.log_index), "look")
        case "passkey":
            return Told(_said(alert), url_for("entries.items", entry=alert.log_index), "other")
    return Told(_said(alert), url_for("entries.items", entry=alert.log_index))


def _said(alert: Alert) -> str:
    fields, what = alert.event.fields, words.type_name(alert.event.type, alert.event.fields)
    match alert.kind:
        case "looked":
            who, purpose = fields["recipient"], words.word(fields["purpose"])
            said = gettext("%(who)s looked at your file: %(purpose)s.", who=who, purpose=purpose)
        case "opened":
            said = gettext(
                "Your record was opened with a code handed out on paper %(ref)s. Was it not you? Tell us at once.",
                ref=fields["case"],
            )
        case "refused":
            who, reason = fields["recipient"], words.word(fields["reason"])
            said = gettext("%(who)s asked about you and was refused: %(reason)s.", who=who, reason=reason)
        case "negative":
            who = alert.event.furnisher
            said = gettext("%(who)s reported something negative: %(what)s.", who=who, what=what)
        case alerts.AUDIT:
            said = gettext(
                "A regulator has audited the ledger, with your file in it (case %(case)s).",
                case=fields["case"],
            )
        case "passkey":
            said = gettext("%(what)s. Was it not you? Tell us at once.", what=what)
        case _:
            said = gettext(
                "%(what)s, in your name and without your passkey: %(basis)s, number %(ref)s.",
                what=what,
                basis=words.word(fields["basis"]),
                ref=fields["basis_ref"],
            )
    return str(said)


def _repair(alert: Alert) -> str:
    fields, who = alert.event.fields, alert.event.furnisher
    match alert.event.type:
        case "dispute_closed":
            outcome = words.word(fields["outcome"])
            return str(gettext("Your dispute is settled: %(outcome)s.", outcome=outcome))
        case "correction":
            return str(gettext("%(who)s has corrected an entry.", who=who))
    return str(gettext("%(who)s has taken an entry back.", who=who))
