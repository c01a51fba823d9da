"""What two officers can do together, each kind a function of the details that both of them read.

    key_registration   {"possession": note, "role"}            an organisation's key enters the register
    key_revocation     {"name", "reason", "role"}              its validity ends
    scorecard          {"from", "role", "scorecard"} or, for a card that is not published yet,
                       {"document", "from", "report", "role"}  it is published; "report" may be left out
    erasure            {"citizen", "ref"}                      erasure that a citizen (citizen key) asked for on paper (R40)

An effect works in the transaction that it is given and raises what is wrong before it changes anything for good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from app.core import fields
from app.core.errors import ConflictError, FormatError, RuleError
from app.services.citizens import erasure
from app.services.ledger import cards, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.db.session import Connection
    from app.services.bureau import Bureau

    Effect: TypeAlias = Callable[[Bureau, Connection, dict[str, Any]], object]


def _texts(details: dict[str, Any], required: set[str], optional: frozenset[str] = frozenset()) -> None:
    """Raises FormatError unless these members, and no others, are there as texts."""
    if not required <= details.keys() <= required | optional:
        raise FormatError(f"the details are {', '.join(sorted(required | optional))}")
    if not all(isinstance(value, str) for value in details.values()):
        raise FormatError("every detail is a text")


def register_key(bureau: Bureau, connection: Connection, details: dict[str, Any]) -> None:
    """Enter the key that a possession note is about."""
    _texts(details, {"possession", "role"})
    record = register.register_in(bureau, connection, details["possession"].encode(), details["role"])
    if record is not None:
        raise ConflictError(
            f"this key of {record.name!r} is registered as {record.role} already", code="key-exists"
        )


def revoke_key(bureau: Bureau, connection: Connection, details: dict[str, Any]) -> None:
    """End the valid key of a name in a role."""
    _texts(details, {"name", "reason", "role"})
    if details["role"] not in register.OPEN_ROLES:
        raise RuleError("the bureau's own keys are not revoked from a page", code="unknown-role")
    register.revoke_in(bureau, connection, details["name"], details["role"], details["reason"])


def publish_scorecard(bureau: Bureau, connection: Connection, details: dict[str, Any]) -> None:
    """Publish a card, one that is known or a new one."""
    if "scorecard" in details:
        _texts(details, {"from", "role", "scorecard"})
        document, report = cards.document_of(connection, details["scorecard"]), None
    else:
        _texts(details, {"document", "from", "role"}, frozenset({"report"}))
        document, text = details["document"].encode(), details.get("report")
        report = None if text is None else text.encode()
    role = details["role"]
    if role not in ("champion", "challenger"):
        raise RuleError("a card is published as champion or as challenger", code="unknown-role")
    publication = cards.Publication(document, role, fields.parse_day(details["from"]), report)
    cards.publish_card(connection, publication, bureau.now())


def erase_on_paper(bureau: Bureau, connection: Connection, details: dict[str, Any]) -> None:
    """Admit the erasure that a citizen asked for on paper."""
    _texts(details, {"citizen", "ref"})
    erasure.ask_on_paper(bureau, connection, fields.hex32(details["citizen"]), details["ref"])


EFFECTS: Final[dict[str, Effect]] = {
    "key_registration": register_key,
    "key_revocation": revoke_key,
    "scorecard": publish_scorecard,
    "erasure": erase_on_paper,
}
