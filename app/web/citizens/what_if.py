"""A page where a citizen tries what would change their own score: pay this, miss this, open a card, settle this, be on time.

    GET  /record/what-if   a form with what the file allows
    POST /record/what-if   the same with the answer: the score now and then, and which criteria change

It belongs to the session of the record (`app.web.citizens.record`) and is part of the same look: nothing is stored, nothing
is counted, and there is no limit (R22). What is typed goes into the body of the request, never into an address.
Each action has a form of its own, so nothing has to be shown or hidden and no JavaScript is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template
from flask_babel import gettext
from flask_wtf import FlaskForm
from wtforms import StringField

from app.core.errors import FormatError, NotFoundError
from app.core.money import parse_money
from app.core.scoring import advice, advice_words, card_texts, what_if
from app.core.scoring.scenario import MONTHS_MAX, Step
from app.services.citizens import simulation
from app.web import language
from app.web.citizens.record import not_yet, session_citizen, voice
from app.web.language import N_, text_language
from app.web.state import bureau

if TYPE_CHECKING:
    from app.core.scoring.what_if import Choices, Debt, Standing, Tried

blueprint = Blueprint("what_if", __name__)
Answer = Response | str | tuple[str, int]
RECORDS = {
    "arrears": N_("Arrears"),
    "collection": N_("Collection"),
    "court_debt": N_("Debt ordered by a court"),
    "insolvency": N_("Insolvency"),
}


class WhatIfForm(FlaskForm):  # type: ignore[misc]
    """What to try. `action` decides which of the other fields is read."""

    action = StringField()
    pay_account = StringField()
    pay_amount = StringField()
    miss_account = StringField()
    record = StringField()
    limit = StringField()
    months = StringField()


class WrongInput(Exception):  # noqa: N818 - what somebody typed is not an error of the program
    """A field that cannot be used, and a sentence to whoever filled it in."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(field)
        self.field, self.sentence = field, sentence


@blueprint.get("/record/what-if")
def ask() -> Answer:
    try:
        standing = simulation.standing(bureau(), session_citizen())
    except NotFoundError:
        return not_yet()
    return _page(WhatIfForm(), standing)


@blueprint.post("/record/what-if")
def answer() -> Answer:
    form = WhatIfForm()
    try:
        standing = simulation.standing(bureau(), session_citizen())
    except NotFoundError:
        return not_yet()
    try:
        step = _step(form, what_if.choices(standing))
    except WrongInput as wrong:
        return _page(form, standing, wrong=wrong), 400
    return _page(form, standing, tried=what_if.try_out(standing, [step]))


# ---- what was typed


def _step(form: WhatIfForm, offered: Choices) -> Step:
    """The step that the form asks for. Raises WrongInput."""
    match form.action.data:
        case "pay" if offered.debts:
            return _payment(form, offered)
        case "miss" if offered.accounts:
            account = _one_of(
                form.miss_account.data, offered.accounts, "miss_account", gettext("Choose an account.")
            )
            return Step("miss", account)
        case "settle" if offered.records:
            return Step(
                "settle", _one_of(form.record.data, offered.records, "record", gettext("Choose a record."))
            )
        case "open_card":
            limit = _amount(form.limit.data, offered.currency, "limit")
            return Step("open_card", currency=offered.currency, amount_minor=limit)
        case "on_time" if offered.on_time:
            return Step("on_time", months=_months(form.months.data))
    raise WrongInput("action", gettext("Choose what to try."))


def _payment(form: WhatIfForm, offered: Choices) -> Step:
    debts = {debt.account: debt for debt in offered.debts}
    debt = debts[_one_of(form.pay_account.data, list(debts), "pay_account", gettext("Choose an account."))]
    amount = _amount(form.pay_amount.data, debt.currency, "pay_amount")
    if amount > debt.owed_minor:
        owed = language.format_money(debt.owed_minor, debt.currency)
        raise WrongInput("pay_amount", gettext("No more than %(owed)s is owed on this account.", owed=owed))
    return Step("pay", debt.account, debt.currency, amount)


def _one_of(chosen: str | None, offered: list[str], field: str, sentence: str) -> str:
    if chosen not in offered:
        raise WrongInput(field, sentence)
    return chosen


def _amount(typed: str | None, currency: str, field: str) -> int:
    try:
        amount = parse_money(typed or "", currency)
    except FormatError:
        amount = 0
    if amount == 0:
        raise WrongInput(
            field, gettext("Enter an amount above zero in %(currency)s, such as 500.", currency=currency)
        )
    return amount


def _months(typed: str | None) -> int:
    text = (typed or "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= MONTHS_MAX):
        raise WrongInput("months", gettext("Enter a whole number from 1 to %(most)s.", most=MONTHS_MAX))
    return int(text)


# ---- the page


def _page(
    form: WhatIfForm, standing: Standing, *, wrong: WrongInput | None = None, tried: Tried | None = None
) -> str:
    now = standing.scored() if tried is None else tried.now
    first = advice.first_score(*standing) if now.score is None else None
    return render_template(
        "what_if.html",
        form=form,
        **_offers(what_if.choices(standing)),
        day=standing.day,
        now=now,
        missing=[card_texts.insufficient_sentence(why, text_language()) for why in now.insufficient],
        number=advice_words.number_sentence(first, voice()) if now.score is None else None,
        wrong=wrong,
        tried=tried,
        told=None if tried is None else _told(tried, standing),
        caution=advice_words.caution(text_language()),
    )


def _told(tried: Tried, standing: Standing) -> dict[str, object]:
    """The answer in words."""
    then = tried.then
    return {
        "supposed": [advice_words.supposition(step, voice()) for step in tried.steps],
        "result": advice_words.result_sentence(tried.now.score, then.score, tried.day, voice()),
        "missing": [card_texts.insufficient_sentence(why, text_language()) for why in then.insufficient],
        "changes": what_if.changes(tried, standing.card, text_language()),
    }


def _offers(offered: Choices) -> dict[str, object]:
    """What can be chosen, as items of a select; an empty list is not offered."""
    return {
        "debts": [{"value": debt.account, "text": _debt(debt)} for debt in offered.debts],
        "only_debt": offered.debts[0] if len(offered.debts) == 1 else None,
        "accounts": [{"value": key, "text": _account(key)} for key in offered.accounts],
        "records": [{"value": key, "text": _record(key)} for key in offered.records],
        "card_currency": offered.currency,
        "on_time": offered.on_time,
    }


def _account(key: str) -> str:
    furnisher, _, name = key.partition(":")
    return str(gettext("%(name)s at %(furnisher)s", name=name, furnisher=furnisher))


def _debt(debt: Debt) -> str:
    owed = language.format_money(debt.owed_minor, debt.currency)
    return str(gettext("%(account)s, %(owed)s owed", account=_account(debt.account), owed=owed))


def _record(key: str) -> str:
    furnisher, group, case = key.split(":", 2)
    return str(
        gettext("%(kind)s: %(item)s", kind=gettext(RECORDS[group]), item=_account(f"{furnisher}:{case}"))
    )
