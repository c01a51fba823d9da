"""Why a form with a signed note, or for a look, did nothing: in the reader's language, by the error's code.

Errors speak English, to programs and logs; what people often meet on these pages has a sentence here, the rest is shown as it
is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask_babel import gettext

from app.web.language import N_

if TYPE_CHECKING:
    from app.core.errors import CredenceError

SENTENCES = {
    "destroyed": N_("The time of this answer is over: its text was destroyed."),
    "malformed": N_(
        "What was sent is not what it should be. Check the number or the identifier, or sign again."
    ),
    "no-answer": N_("Your organisation was given no answer of this number."),
    "no-case": N_("A look needs a case number: up to 64 letters, digits, dots, hyphens or underlines (R21)."),
    "no-file": N_("There is no file for this citizen."),
    "note-used": N_("This note has opened an audit before: sign a new one."),
    "other-ledger": N_("The note is signed for another ledger."),
    "other-name": N_("The note is signed by another organisation than yours."),
    "stale": N_("The note is older than five minutes, or a clock is wrong: sign a new one."),
    "unknown-key": N_("The note is not signed by a valid key of your organisation in this role."),
}


def sentence(error: CredenceError) -> str:
    """Why, in a sentence."""
    known = SENTENCES.get(error.code)
    said: str = gettext(known) if known else error.detail
    return said
