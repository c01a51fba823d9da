"""Refusals in plain words, in the reader's language, where people can meet them: on a form, or as a page of its own.

Errors speak English, to programs and logs. What they mean to somebody who filled in a form stands here by the error's code,
or by the rule that refused a line. Whatever is in neither table is shown as it was written, and marked as English; people at
organisations get that beside the sentence too, for it names lines, keys and numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext

from app.web.language import DEFAULT, N_, code

if TYPE_CHECKING:
    from app.core.errors import CredenceError

BY_CODE = {
    "applied": N_("An application for this key, or for this role, is here already."),
    "bad-reason": N_("Write a reason, and not a longer one than the form takes."),
    "bad-signature": N_("The signature does not hold. Sign again, with the key that it is about."),
    "bad-text": N_("Write something, in ordinary characters, and not more than the form says."),
    "batch-id-taken": N_("This batch id stands for other content. Choose another id."),
    "busy": N_("The same is being stored just now. Send it again in a few seconds."),
    "card-published": N_("This card is published for that use from that day on already."),
    "code-used": N_("This code was used already. Ask for a new one."),
    "damaged": N_("What the bureau stores of this was changed or damaged. Its operators have to look at it."),
    "decided": N_("This was decided before."),
    "destroyed": N_("The text of this was destroyed: its time was over, or the citizen had it erased."),
    "done-before": N_("This was done before, under the same number."),
    "ended-seat": N_("Whoever proposed this has no seat any more: somebody else has to propose it again."),
    "erased": N_("This file was erased."),
    "expired": N_("The time of this is over: begin it anew."),
    "key-ended": N_("This key was registered before and has ended: make a new one."),
    "key-exists": N_("There is a valid key in this role already. It has to be revoked first."),
    "limit": N_("There were too many of them today. Come again tomorrow."),
    "malformed": N_(
        "What was sent is not what it should be. Check the number or the identifier, or sign again."
    ),
    "no-answer": N_("Your organisation was given no answer of this number."),
    "no-case": N_("A look needs a case number: up to 64 letters, digits, dots, hyphens or underlines (R21)."),
    "no-consent": N_("No consent stands for this bank."),
    "no-dispute": N_("No such dispute is open about what you reported."),
    "no-entry": N_("There is no such entry here, or its text was destroyed."),
    "no-file": N_("There is no file for this citizen."),
    "no-items": N_("Choose at least one entry, and not more than the page takes at once."),
    "no-possession": N_(
        "The note does not prove that its sender holds the key: it has to be made with that key."
    ),
    "no-report": N_(
        "The points of this card were fitted: it comes into use with its validation report only."
    ),
    "not-looked": N_("The record is not open: look at it first."),
    "not-yet": N_("What was just reported is being taken into the ledger. Try again in a few seconds."),
    "not-yours": N_("Take this case first."),
    "note-used": N_("This note has opened an audit before: sign a new one."),
    "other-card": N_("The validation report is about another card."),
    "other-hash": N_("This is not the hash of what you were shown: read it again."),
    "other-ledger": N_("The note is signed for another ledger."),
    "other-name": N_("The note is signed by another organisation than yours."),
    "other-person": N_(
        "This identifier is not that of the file. Read the paper again; if you read it right, refuse the proposal."
    ),
    "past-day": N_("The past is not scored again: choose a later day."),
    "reserved-name": N_("This name is the bureau's own."),
    "same-citizen": N_("That is the citizen whose file it is."),
    "same-person": N_("Who proposes something does not approve it."),
    "seal-broken": N_(
        "What the bureau stores of this was changed or damaged. Its operators have to look at it."
    ),
    "stale": N_("The note is older than five minutes, or a clock is wrong: sign a new one."),
    "taken": N_("Somebody has taken this case already."),
    "too-large": N_("This is too large."),
    "too-many": N_("Too many of yours are open already. Wait for one of them, or end one, first."),
    "unknown-key": N_("No valid key of the organisation in this role has signed this, or there is none."),
    "unknown-role": N_("Choose one of the roles that are offered."),
    "unknown-scorecard": N_("No such scorecard was published in this ledger."),
    "unknown-subject": N_("Choose what it is about."),
}
BY_RULE = {
    "R1": N_("The kind of event, or one of its fields, is none that this ledger takes."),
    "R2": N_("The law does not let a credit bureau take this information."),
    "R3": N_("Income, deposits, securities, property and tax paid are not taken."),
    "R4": N_("The key that signed may not report this."),
    "R5": N_("Something negative is taken only with the day on which the citizen was told of it before."),
    "R6": N_("An event of this id is here already."),
    "R7": N_("Amounts are whole numbers of the smallest unit of the currency."),
    "R8": N_("The day of the first delinquency of an episode cannot move."),
    "R15": N_("An inquiry is answered at once, and does not come in a batch of reports."),
    "R25": N_("Only the bureau says that a deadline has passed."),
    "R27": N_("The entry that this is about was taken out or destroyed meanwhile, or cannot be disputed."),
    "R28": N_("What a dispute took out does not come back like this."),
    "R40": N_("This file was erased: a new enrolment comes first."),
    "assertion": N_("The signature of the citizen's passkey does not hold for this."),
    "day": N_("A day is later than it can be, or does not fit the others."),
    "format": N_("Something is missing, or is not written as it has to be."),
    "furnisher": N_("This is signed for another organisation."),
    "limit": N_("This is more than the ledger takes at once. Do it in smaller parts."),
    "origin": N_("This is meant for another ledger."),
    "scheme": N_(
        "This ledger knows citizens by other identifiers, or does not take what research alone may send."
    ),
    "time": N_("The time is too far from now. Check the clock, and sign again."),
}


def plain(error: CredenceError) -> str | None:
    """What is wrong, in a sentence for people; None where only the error's own words say it."""
    known = [BY_RULE.get(each.rule) for each in error.problems] or [BY_CODE.get(error.code)]
    if None in known:
        return None
    return " ".join(gettext(each) for each in dict.fromkeys(known))


def of_rule(rule: str) -> str | None:
    """Why a line was refused, for people who do not read English; None where its own words have to do."""
    known = BY_RULE.get(rule)
    return None if known is None or code() == DEFAULT else str(gettext(known))
