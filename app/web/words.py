"""The words of the pages: what event types, fields and their values are called, and how a value is written.

Tables in the order of docs/formats.md, section 2. They hold English, marked for translation; `describe`
translates. A type or field that is not in a table is shown under its own name: nothing of a record is ever
left out because a word is missing. A test compares with the closed set.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from flask import g, has_request_context
from flask_babel import gettext

from app.core.log import tiles
from app.core.reporting.event_base import COMMON_FIELDS
from app.core.reporting.events import encode_event
from app.core.scoring.card_words import EN, ZH
from app.web import language
from app.web.language import N_
from app.web.state import bureau

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from app.core.reporting.event_base import Event

TYPES = {
    "account_opened": N_("Account opened"),
    "statement": N_("Statement"),
    "payment": N_("Payment"),
    "status": N_("Payment status"),
    "account_closed": N_("Account closed"),
    "rent": N_("Rent"),
    "utility": N_("Water, power or heat"),
    "telecom": N_("Telephone or internet"),
    "court_debt": N_("Debt ordered by a court"),
    "court_debt_settled": N_("Debt ordered by a court settled"),
    "insolvency": N_("Insolvency opened"),
    "insolvency_discharged": N_("Insolvency discharged"),
    "arrears": N_("Arrears"),
    "arrears_paid": N_("Arrears paid"),
    "collection_placed": N_("Given to collection"),
    "collection_settled": N_("Collection settled"),
    "passkey_added": N_("Passkey added"),
    "passkey_removed": N_("Passkey removed"),
    "consent_given": N_("Consent given"),
    "consent_withdrawn": N_("Consent withdrawn"),
    "inquiry": N_("Inquiry"),
    "answer": N_("Answer to an inquiry"),
    "look": N_("Look at the file"),
    "refusal": N_("Inquiry refused"),
    "freeze": N_("File frozen"),
    "thaw": N_("File thawed"),
    "dispute_opened": N_("Dispute opened"),
    "dispute_closed": N_("Dispute closed"),
    "correction": N_("Correction"),
    "retraction": N_("Retraction"),
    "citizen_statement": N_("Your statement"),
    "erasure": N_("Erasure"),
}

# Fields that have a label of their own; the rest is shown under its own name, with the seal.
FIELDS = {
    "status": N_("Status"),
    "paid": N_("Paid"),
    "balance_minor": N_("Owed"),
    "amount_minor": N_("Amount"),
    "limit_minor": N_("Limit"),
    "minimum_minor": N_("Minimum due"),
    "class": N_("Kind of credit"),
    "kind": N_("Kind"),
    "account": N_("Account"),
    "case": N_("Case"),
    "opened_on": N_("Opened on"),
    "first_delinquent_on": N_("Late since"),
    "notified_on": N_("You were told on"),
    "notified_by": N_("Told by"),
    "recipient": N_("Who"),
    "grantee": N_("To whom"),
    "purpose": N_("Purpose"),
    "purposes": N_("Purposes"),
    "until": N_("Ends on"),
    "score": N_("Score shown"),
    "insufficient": N_("No score, because"),
    "reason": N_("Reason"),
    "ground": N_("Ground"),
    "outcome": N_("Outcome"),
    "target": N_("About entry"),
    "text": N_("Text"),
    "assertion": N_("Signed"),
    "basis": N_("Basis"),
    "basis_ref": N_("Number of the paper"),
}

# Of a range credential these say something else: nobody was shown the score. It is an answer with this field.
RANGE = "context"
CREDENTIAL_FIELDS = {
    "recipient": N_("For whom alone"),
    "score": N_("Your score, which the credential does not show"),
}

VALUES = {
    "on_time": N_("paid on time"),
    "late_1": N_("1 to 29 days late"),
    "late_30": N_("30 to 59 days late"),
    "late_60": N_("60 to 89 days late"),
    "late_90": N_("90 to 119 days late"),
    "late_120": N_("120 days late or more"),
    "charged_off": N_("written off by the lender"),
    "late": N_("late"),
    "settled": N_("settled"),
    "full": N_("in full"),
    "minimum": N_("the minimum"),
    "nothing_due": N_("nothing was due"),
    "card": N_("credit card"),
    "overdraft": N_("overdraft"),
    "instalment": N_("instalment credit"),
    "mortgage": N_("mortgage"),
    "student": N_("student loan"),
    "business": N_("business credit"),
    "tax": N_("tax"),
    "fee": N_("fee"),
    "letter": N_("letter"),
    "message": N_("message"),
    "email": N_("e-mail"),
    "app": N_("app"),
    "in_person": N_("in person"),
    "synthetic": N_("nobody: research data"),
    "account_review": N_("review of an account"),
    "collection": N_("collection"),
    "credit_application": N_("application for credit"),
    "regulator": N_("supervision by a regulator"),
    "self": N_("your own look"),
    "no_consent": N_("there was no consent"),
    "consent_expired": N_("the consent had expired"),
    "consent_withdrawn": N_("the consent was withdrawn"),
    "wrong_purpose": N_("the consent is for another purpose"),
    "frozen": N_("the file was frozen"),
    "too_young": N_(
        "no account is six months old yet, and fewer than six months of bills were reported on time"
    ),
    "nothing_reported": N_("nothing was reported in the last six months"),
    "paper": N_("a signed paper"),
    "legal": N_("a legal ground"),
    "research": N_("research data"),
    "not_mine": N_("not mine"),
    "wrong_amount": N_("wrong amount"),
    "wrong_day": N_("wrong day"),
    "wrong_status": N_("wrong status"),
    "too_old": N_("too old"),
    "not_told": N_("was not told"),
    "other": N_("other"),
    "corrected": N_("corrected"),
    "upheld": N_("upheld"),
    "unverifiable": N_("could not be verified"),
    "deadline": N_("the deadline passed, so it was settled for you"),
    "wrong_person": N_("wrong person"),
    "reported_in_error": N_("reported in error"),
    "not_verifiable": N_("could not be verified"),
    "ordered": N_("ordered by an authority"),
    "consent_based": N_("what rested on your consent"),
}

# What is said to the citizen, and what to somebody else who reads about one: a furnisher, the staff, a regulator.
TO_OTHERS = {
    "Your statement": N_("The citizen's statement"),
    "You were told on": N_("The citizen was told on"),
    "Your score, which the credential does not show": N_("The score, which the credential does not show"),
    "your own look": N_("the citizen's own look"),
    "with your passkey": N_("with the citizen's passkey"),
    "the deadline passed, so it was settled for you": N_(
        "the deadline passed, so it was settled for the citizen"
    ),
    "what rested on your consent": N_("what rested on the citizen's consent"),
    "Credential given to you, to prove how high your score is": N_(
        "Credential given to the citizen, to prove how high the score is"
    ),
    "A credential was given to you alone. Whoever you show it to sees a range, and not the score.": N_(
        "A credential was given to the citizen alone. Whoever is shown it sees a range, and not the score."
    ),
    "you": N_("the citizen"),
}

EXAMPLES = {"cn": "cn:11010519491231002X", "uci": "uci:17"}
MEASURES = {"en": EN, "zh-Hans": ZH}
NOT_PROVED = ("Not ", "未")  # how a proof's sentences about what is not proved begin

# Fields whose text is a word of ours; other texts (names, references, free text) are shown as they are.
WORD_FIELDS = frozenset(
    {
        "status",
        "paid",
        "class",
        "kind",
        "notified_by",
        "purpose",
        "purposes",
        "insufficient",
        "reason",
        "ground",
        "outcome",
        "basis",
    }
)
DAY_FIELDS = frozenset({"opened_on", "first_delinquent_on", "notified_on", "until"})


def _said(text: str) -> str:
    """A text of the tables in the reader's language; of the citizen, where a page for organisations is read."""
    of_others = has_request_context() and g.get("seat") is not None
    return str(gettext(TO_OTHERS.get(text, text) if of_others else text))


def type_name(event_type: str, fields: Mapping[str, Any]) -> str:
    """What people call a type of event; an answer that gives a range credential is none to an inquiry."""
    if RANGE in fields:
        return _said(N_("Credential given to you, to prove how high your score is"))
    return _said(TYPES[event_type]) if event_type in TYPES else event_type


def label(name: str) -> str:
    """What people call a field, with the name that batches have for it."""
    return f"{_said(FIELDS[name])} ({name})" if name in FIELDS else name


def word(value: str) -> str:
    """What people call a value of a closed list."""
    return _said(VALUES[value]) if value in VALUES else value


def describe(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, text) of each field of an event that has a label, in the order of the table."""
    currency = fields.get("currency", "")
    own = CREDENTIAL_FIELDS if RANGE in fields else {}
    return [
        (_said(own.get(name, label)), _text(name, fields[name], currency))
        for name, label in FIELDS.items()
        if name in fields
    ]


def facts_of(event: Event) -> list[tuple[str, str]]:
    """`describe` for an event that is at hand as a value."""
    line = orjson.loads(encode_event(event))
    return describe({name: value for name, value in line.items() if name not in COMMON_FIELDS})


def example() -> str:
    """An identifier of this ledger's scheme, made up."""
    return EXAMPLES[bureau().scheme]


def measures() -> dict[str, str]:
    """What the measures of a scorecard are called."""
    return {name: each.name for name, each in MEASURES[language.text_language()].items()}


def parted(sentences: Iterable[str]) -> tuple[list[str], list[str]]:
    """(what a proof proves, what it does not) of its sentences."""
    said = list(sentences)
    return (
        [each for each in said if not each.startswith(NOT_PROVED)],
        [each for each in said if each.startswith(NOT_PROVED)],
    )


def options(table: Mapping[str, str]) -> list[dict[str, str]]:
    """A table of words as the items of a select or of radios."""
    return [{"value": value, "text": gettext(text)} for value, text in table.items()]


def size(byte_count: int) -> str:
    """How large a file is, as people say it."""
    if byte_count < 1_000_000:
        return f"{language.format_number(-(-byte_count // 1_000))} kB"
    return f"{language.format_number(byte_count // 1_000_000)} MB"


def unnamed(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(field, text) of what has no label: hashes, signatures and the like, under their own names."""
    return [
        (name, value if isinstance(value, str) else orjson.dumps(value).decode())
        for name, value in fields.items()
        if (name not in FIELDS or name == "assertion") and name != "currency"
    ]


def _text(name: str, value: Any, currency: str) -> str:
    if name.endswith("_minor"):
        return language.format_money(value, currency)
    if name in DAY_FIELDS:
        return language.format_day(value)
    if name == "recipient" and value == "citizen":
        return _said(N_("you"))
    if name == "assertion":
        return _said(N_("with your passkey"))
    if isinstance(value, list):
        return _separator().join(_text(name, each, currency) for each in value)
    if isinstance(value, str) and name in WORD_FIELDS:
        return word(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return language.format_number(value)
    return str(value)


# What a look was shown, by the names of the disclosures (docs/formats.md section 7).
SHOWN = {
    "score": N_("the score"),
    "receipt": N_("the points of each criterion"),
    "file": N_("accounts, bills and public records, summed up"),
    "flags": N_("whether the file is frozen or something is in dispute"),
    "history": N_("how many entries there are"),
}


def shown_sentence(fields: Mapping[str, Any]) -> str:
    """What somebody who looked got to see, in a sentence."""
    if RANGE in fields:
        return _said(
            N_("A credential was given to you alone. Whoever you show it to sees a range, and not the score.")
        )
    shown = fields.get("shown", [])
    names = [gettext(SHOWN[name]) for name in SHOWN if name in shown] + [
        name for name in shown if name not in SHOWN
    ]
    if not names:
        return str(gettext("Nothing was shown."))
    return str(gettext("Was shown: %(what)s.", what=_separator().join(names)))


def _separator() -> str:
    return "、" if language.code() == "zh" else ", "


def mask(identifier: str) -> str:
    """Enough of an identifier for its owner to know it, too little for anybody else: `cn:110***********2X`,
    `uci:***45`.
    """
    scheme, _, value = identifier.partition(":")
    shown = 3 if len(value) > 12 else 0
    tail = 2 if len(value) > 3 else 1
    return f"{scheme}:{value[:shown]}{'*' * max(len(value) - shown - tail, 3)}{value[-tail:]}"


def entries_path(log_index: int, tree_size: int) -> str:
    """Where the public log serves the bundle of entries with this one, full or partial, for a tree of this size."""
    bundle = log_index // tiles.TILE_WIDTH
    width = min(tiles.TILE_WIDTH, tree_size - bundle * tiles.TILE_WIDTH)
    return f"/{tiles.tile_path(tiles.ENTRIES, bundle, width)}"
