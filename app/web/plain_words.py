"""Refusals in plain words, in the reader's language, where a citizen can meet them: on a form, or as a page of its own.

Errors speak English, to programs and logs. What they mean to somebody who only filled in a form stands here by the error's
code, or by the rule that refused a line; whatever is in neither table is shown as it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext

from app.web.language import N_

if TYPE_CHECKING:
    from app.core.errors import CredenceError

BY_CODE = {
    "bad-text": N_("Write something, in ordinary characters, and not more than the form says."),
    "code-used": N_("This code was used already. Ask for a new one."),
    "no-file": N_("There is no file for this citizen."),
    "not-yet": N_("What was just reported is being taken into the ledger. Try again in a few seconds."),
    "other-person": N_(
        "This identifier is not that of the file. Read the paper again; if you read it right, refuse the proposal."
    ),
    "too-many": N_("Too many of yours are open already. Wait for one of them, or end one, first."),
    "unknown-subject": N_("Choose what it is about."),
}
BY_RULE = {
    "R27": N_("The entry that this is about was taken out or destroyed meanwhile, or cannot be disputed."),
    "R28": N_("What a dispute took out does not come back like this."),
    "R40": N_("Your file was erased. Enrol again first."),
    "limit": N_("This is more than the ledger takes at once. Do it in smaller parts."),
}


def plain(error: CredenceError) -> str | None:
    """What is wrong, in a sentence for people; None where only the error's own words say it."""
    known = [BY_RULE.get(each.rule) for each in error.problems] or [BY_CODE.get(error.code)]
    if None in known:
        return None
    return " ".join(gettext(each) for each in dict.fromkeys(known))
