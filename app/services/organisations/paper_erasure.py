"""An erasure asked for on paper, as officers have it before them: that the paper is about this file, and how much goes.

    details(bureau, "uci:17", "form-88")                what is proposed: the citizen key, and the number of the paper
    check_person(bureau, details, "uci:17")             whoever approves reads the identifier off the paper too, and types it
    preview(bureau, number, details, "uci:17")          the same; then how many entries of each type would go, and would stay

A proposal has the citizen key alone. So the second officer compares the paper with the file without being shown who it is,
and sees counts and no entry; even that is a look of the bureau's, which the citizen finds in the record (R16). The
identifier is kept nowhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.core import fields
from app.core.errors import NotFoundError, RuleError
from app.core.reporting.events import type_of
from app.core.reporting.identifiers import check_identifier
from app.core.scoring.profiles import PROFILES
from app.core.state import erasure
from app.services.ledger import history
from app.services.organisations import looks

if TYPE_CHECKING:
    from app.services.bureau import Bureau

KIND = "erasure"
SHOWN = ("history",)
"""By the names of the disclosures: how many entries there are."""


@dataclass(frozen=True, slots=True)
class Preview:
    """How many entries of each type would go and would stay, and the day from which on that is, were it approved today."""

    going: dict[str, int]
    staying: dict[str, int]
    due_on: str
    last_day: str


def details(bureau: Bureau, identifier: str, ref: str) -> dict[str, Any]:
    """The details of a proposal. FormatError; NotFoundError without a file, and while no block has taken it in: what goes
    and what stays is told by the log, and by its citizen key alone a file is found from its first block on.
    """
    check_identifier(bureau.scheme, identifier)
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
    if not person.key:
        raise NotFoundError(
            "this citizen's file is in no block yet: it will be in the next one", code="not-yet"
        )
    return {"citizen": person.key.hex(), "ref": ref}


def check_person(bureau: Bureau, details: dict[str, Any], identifier: str) -> None:
    """Raises FormatError for no identifier, RuleError when it is not that of the proposal's file."""
    check_identifier(bureau.scheme, identifier)
    if bureau.people.key_of(identifier) != fields.hex32(details["citizen"]):
        message = "this identifier is not that of the file: read the paper again, and if it is right refuse the proposal"
        raise RuleError(message, code="other-person")


def preview(bureau: Bureau, number: int, details: dict[str, Any], identifier: str) -> Preview:
    """What proposal `number` would erase, after the look is recorded. Raises what `check_person` does, NotFoundError."""
    check_person(bureau, details, identifier)
    with bureau.transaction() as connection:
        person = bureau.people.with_file(connection, identifier)
        events = history.with_waiting(connection, person)
        looks.record_look(bureau, connection, person, f"approval-{number}", SHOWN)
    going = set(erasure.consent_based(events))
    today = bureau.today()
    return Preview(
        going=dict(Counter(type_of(event) for index, event in events if index in going)),
        staying=dict(Counter(type_of(event) for index, event in events if index not in going)),
        due_on=erasure.due_on(today).isoformat(),
        last_day=erasure.last_day(today, PROFILES[bureau.genesis.profile].erasure_days),
    )
