"""The closed set of events (R1): a class for each type, as in the tables of formats.md section 2.

The `tag` of a class is the text of the field `type`. A field without a default is required; one with the
default None is left out when unknown (`null` is never written). `refusal` says what the fields are not
together.

    Statement(v=1, ledger="credence.example/xiongan", furnisher="bank.example/cards", id="0190...", ...,
              day="2026-10-31", account="c-1", currency="CNY", balance_minor=125000, limit_minor=2000000)

There is no type and no field for opinions, family, health, purchases or places (R2), none for income or
property, and no amount of tax or of a court's order (R3).

Source: formats.md section 2; the set and its domains are section 6 of the design.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NamedTuple

from msgspec import Meta, field

from app.core.field_types import (
    HOLDER,
    NONCE,
    Currency,
    Hash,
    Index,
    KeyText,
    Minor,
    Name,
    PositiveMinor,
    Ref,
    SignedMinor,
    Text,
    Uuid7,
)
from app.core.reporting.event_base import (
    COMMON_FIELDS,
    SCORE_MAX,
    SCORE_MIN,
    AccountClass,
    Disclosure,
    Event,
    Header,
    MaybeTold,
    Purpose,
    Refusal,
    Signed,
    Timed,
    Told,
    is_day,
    seconds_between,
)

# ---- business
# ------------------------------------------------------------------------------------------------


class AccountOpened(Event, frozen=True, kw_only=True, tag="account_opened"):
    account: Ref
    class_: AccountClass = field(name="class")
    currency: Currency
    opened_on: str | None = None
    limit_minor: Minor | None = None

    def refusal(self, header: Header) -> Refusal | None:  # noqa: ARG002 - the same for every type
        if self.opened_on is None:
            return None
        return _day_refusal("opened_on", self.opened_on) or (
            Refusal("day", "`opened_on` is after `day`") if self.opened_on > self.day else None
        )


class Statement(Event, frozen=True, kw_only=True, tag="statement"):
    """`balance_minor` is what is owed; a negative one is a credit."""

    account: Ref
    currency: Currency
    balance_minor: SignedMinor
    limit_minor: Minor | None = None
    minimum_minor: Minor | None = None


class Payment(Event, frozen=True, kw_only=True, tag="payment"):
    account: Ref
    currency: Currency
    amount_minor: PositiveMinor


class Status(MaybeTold, frozen=True, kw_only=True, tag="status"):
    """How the account stands on `day`, for its calendar month; `late_30` is 30 to 59 days past due."""

    account: Ref
    status: Literal["on_time", "late_1", "late_30", "late_60", "late_90", "late_120", "charged_off"]
    first_delinquent_on: str | None = None
    paid: Literal["full", "minimum", "nothing_due"] | None = None

    @property
    def negative(self) -> bool:
        return self.status != "on_time"

    def refusal(self, header: Header) -> Refusal | None:
        refusal = MaybeTold.refusal(self, header)
        if refusal is not None:
            return refusal
        first = self.first_delinquent_on
        if not self.negative:
            return None if first is None else Refusal("format", "`first_delinquent_on` is not for `on_time`")
        if first is None:
            return Refusal(
                "format", "`first_delinquent_on` is missing: a status that is not `on_time` has it"
            )
        if self.paid is not None:
            return Refusal("format", "`paid` is for `on_time` only")
        return _day_refusal("first_delinquent_on", first) or (
            Refusal("day", "`first_delinquent_on` is after `day`") if first > self.day else None
        )


class AccountClosed(Event, frozen=True, kw_only=True, tag="account_closed"):
    account: Ref


# ---- community
# -----------------------------------------------------------------------------------------------


class Community(MaybeTold, frozen=True, kw_only=True):
    """A month of rent, utility or telecom; it can only help."""

    account: Ref
    status: Literal["on_time", "late", "settled"]

    @property
    def negative(self) -> bool:
        return self.status == "late"


class Rent(Community, frozen=True, kw_only=True, tag="rent"):
    pass


class Utility(Community, frozen=True, kw_only=True, tag="utility"):
    pass


class Telecom(Community, frozen=True, kw_only=True, tag="telecom"):
    pass


# ---- government and collection: day and status only
# ----------------------------------------------------------


class CourtDebt(Told, frozen=True, kw_only=True, tag="court_debt"):
    case: Ref


class CourtDebtSettled(Event, frozen=True, kw_only=True, tag="court_debt_settled"):
    case: Ref


class Insolvency(Told, frozen=True, kw_only=True, tag="insolvency"):
    case: Ref


class InsolvencyDischarged(Event, frozen=True, kw_only=True, tag="insolvency_discharged"):
    case: Ref


class Arrears(Told, frozen=True, kw_only=True, tag="arrears"):
    case: Ref
    kind: Literal["tax", "fee"]


class ArrearsPaid(Event, frozen=True, kw_only=True, tag="arrears_paid"):
    case: Ref


class CollectionPlaced(Told, frozen=True, kw_only=True, tag="collection_placed"):
    case: Ref


class CollectionSettled(Event, frozen=True, kw_only=True, tag="collection_settled"):
    case: Ref


# ---- access
# --------------------------------------------------------------------------------------------------

Purposes = Annotated[tuple[Purpose, ...], Meta(min_length=1, max_length=5)]
Shown = Annotated[tuple[Disclosure, ...], Meta(max_length=5)]


HolderKey = Annotated[str, Meta(pattern=HOLDER)]
Nonce = Annotated[str, Meta(pattern=NONCE)]
Score = Annotated[int, Meta(ge=SCORE_MIN, le=SCORE_MAX)]
LIFETIME_S_MAX: Final = 30 * 86_400
"""How long a range credential may hold."""


class PasskeyAdded(Signed, frozen=True, kw_only=True, tag="passkey_added"):
    """`public_key` is the COSE key of the WebAuthn credential."""

    credential: KeyText
    public_key: KeyText


class PasskeyRemoved(Signed, frozen=True, kw_only=True, tag="passkey_removed"):
    credential: KeyText


class ConsentGiven(Signed, frozen=True, kw_only=True, tag="consent_given"):
    """It holds for `day <= d < until`."""

    grantee: Name
    purposes: Purposes
    until: str

    def refusal(self, header: Header) -> Refusal | None:
        if not _ascending(self.purposes):
            return Refusal("format", "`purposes` are not distinct and sorted")
        return Signed.refusal(self, header) or _until_refusal(self.until, self.day)


class ConsentWithdrawn(Signed, frozen=True, kw_only=True, tag="consent_withdrawn"):
    consent: Uuid7


class Inquiry(Timed, frozen=True, kw_only=True, tag="inquiry"):
    purpose: Purpose
    consent: Uuid7 | None = None
    class_: AccountClass | None = field(name="class", default=None)
    case: Ref | None = None


class RangeGiven(NamedTuple):
    """What an answer that gives a range credential has, all of it: docs/formats.md section 16."""

    context: str
    commitment_ge: str
    commitment_le: str
    credential: str
    holder: str
    expires: str
    low: int
    high: int
    score: int


class Answer(Timed, frozen=True, kw_only=True, tag="answer"):
    """What a bank was shown; or the range credential that a citizen was given: its terms and the commitments to both chains.

    `class` is the inquiry's. An answer counts as the inquiry in the score; a refused inquiry never does.
    """

    inquiry: Hash
    recipient: Name
    purpose: Purpose
    block: Index
    shown: Shown
    class_: AccountClass | None = field(name="class", default=None)
    score: Score | None = None
    insufficient: (
        Annotated[tuple[Literal["too_young", "nothing_reported"], ...], Meta(min_length=1, max_length=2)]
        | None
    ) = None
    context: Hash | None = None
    commitment_ge: Hash | None = None
    commitment_le: Hash | None = None
    credential: Nonce | None = None
    holder: HolderKey | None = None
    expires: str | None = None
    low: Score | None = None
    high: Score | None = None

    def refusal(self, header: Header) -> Refusal | None:
        if not _ascending(self.shown):
            return Refusal("format", "`shown` is not distinct and sorted")
        if (self.score is None) == (self.insufficient is None):
            return Refusal("format", "exactly one of `score` and `insufficient` is required")
        if self.insufficient is not None and len(set(self.insufficient)) != len(self.insufficient):
            return Refusal("format", "`insufficient` names a reason twice")
        return Timed.refusal(self, header) or self._range_refusal()

    @property
    def range(self) -> RangeGiven | None:
        """The range credential that this answer gives, if it does."""
        if self.context is None:
            return None
        given = RangeGiven(*(getattr(self, name) for name in RangeGiven._fields))
        assert None not in given, "a decoded answer has all of them or none"
        return given

    def _range_refusal(self) -> Refusal | None:
        """What is wrong with a range credential's fields; the time is one."""
        given = RangeGiven(*(getattr(self, name) for name in RangeGiven._fields))
        if all(each is None for each in given[:-1]):
            return None
        if None in given[:-1]:
            return Refusal("format", "the fields of a range credential go together, all eight")
        lifetime_s = seconds_between(self.time, given.expires)
        if lifetime_s is None or not 0 < lifetime_s <= LIFETIME_S_MAX:
            return Refusal("format", "`expires` is not an instant within 30 days after `time`")
        if self.score is None or given.low == given.high or not given.low <= self.score <= given.high:
            return Refusal("format", "`score` is not between `low` and `high`")
        return None


class Look(Timed, frozen=True, kw_only=True, tag="look"):
    recipient: Name
    purpose: Purpose
    shown: Shown
    case: Ref | None = None

    def refusal(self, header: Header) -> Refusal | None:
        if not _ascending(self.shown):
            return Refusal("format", "`shown` is not distinct and sorted")
        return Timed.refusal(self, header)


class RefusalGiven(Timed, frozen=True, kw_only=True, tag="refusal"):
    inquiry: Hash
    recipient: Name
    purpose: Purpose
    reason: Literal["no_consent", "consent_expired", "consent_withdrawn", "wrong_purpose", "frozen"]


class Freeze(Signed, frozen=True, kw_only=True, tag="freeze"):
    pass


class Thaw(Signed, frozen=True, kw_only=True, tag="thaw"):
    """For one bank when `grantee` is there; frozen again from `until` on."""

    grantee: Name | None = None
    until: str | None = None

    def refusal(self, header: Header) -> Refusal | None:
        refusal = Signed.refusal(self, header)
        return refusal or (None if self.until is None else _until_refusal(self.until, self.day))


# ---- repair
# --------------------------------------------------------------------------------------------------


class DisputeOpened(Signed, frozen=True, kw_only=True, tag="dispute_opened"):
    """`target` is the log index of an event of this citizen; `evidence` the hash of what was handed in."""

    target: Index
    ground: Literal[
        "not_mine", "wrong_amount", "wrong_day", "wrong_status", "paid", "too_old", "not_told", "other"
    ]
    evidence: Hash | None = None
    text: Text | None = None


class DisputeClosed(Event, frozen=True, kw_only=True, tag="dispute_closed"):
    target: Index
    outcome: Literal["corrected", "upheld", "unverifiable", "deadline"]
    reason: Text


class Correction(Event, frozen=True, kw_only=True, tag="correction"):
    """`fields` is what the target should have said; `events.decode_corrected` judges its type's rules."""

    target: Index
    fields: dict[str, Any]

    def refusal(self, header: Header) -> Refusal | None:  # noqa: ARG002 - the same for every type
        common = [name for name in COMMON_FIELDS if name in self.fields and name != "day"]
        if common:
            return Refusal("format", f"`fields` of a correction cannot change `{common[0]}`")
        if "assertion" in self.fields:
            return Refusal("format", "a correction cannot carry an assertion: it was made over other bytes")
        if self.fields.get("day") != self.day:
            return Refusal("day", "`day` of a correction is not the corrected `day` in its `fields`")
        return None


class Retraction(Event, frozen=True, kw_only=True, tag="retraction"):
    target: Index
    reason: Literal["wrong_person", "reported_in_error", "not_verifiable", "ordered"]


class CitizenStatement(Signed, frozen=True, kw_only=True, tag="citizen_statement"):
    text: Text
    target: Index | None = None


class Erasure(Signed, frozen=True, kw_only=True, tag="erasure"):
    scope: Literal["consent_based"]


# ---- the set, and who may report it
# --------------------------------------------------------------------------

_COLLECTION: Final = frozenset({"lender", "utility", "public_body"})
_ENROLMENT: Final = frozenset({"enrolment", "bureau"})
# Whoever reported the target may mend it. That it is the same furnisher is judged once the target is known.
_ANY_FURNISHER: Final = _COLLECTION | _ENROLMENT | {"bank"}

_SET: Final[tuple[tuple[frozenset[str], tuple[type[Event], ...]], ...]] = (
    (frozenset({"lender"}), (AccountOpened, Statement, Payment, Status, AccountClosed)),
    (frozenset({"utility"}), (Rent, Utility, Telecom)),
    (
        frozenset({"public_body"}),
        (CourtDebt, CourtDebtSettled, Insolvency, InsolvencyDischarged, Arrears, ArrearsPaid),
    ),
    (_COLLECTION, (CollectionPlaced, CollectionSettled)),
    (_ENROLMENT, (PasskeyAdded, PasskeyRemoved, ConsentGiven, ConsentWithdrawn, Freeze, Thaw)),
    (frozenset({"bank"}), (Inquiry,)),
    (frozenset({"bureau"}), (Answer, Look, RefusalGiven)),
    (_ANY_FURNISHER, (DisputeClosed, Correction, Retraction)),
    (_ENROLMENT, (DisputeOpened, CitizenStatement, Erasure)),
)

CLASS_BY_TYPE: Final[dict[str, type[Event]]] = {
    str(cls.__struct_config__.tag): cls for _, classes in _SET for cls in classes
}
EVENT_TYPES: Final[tuple[str, ...]] = tuple(CLASS_BY_TYPE)
ROLES_BY_TYPE: Final[dict[str, frozenset[str]]] = {
    str(cls.__struct_config__.tag): roles for roles, classes in _SET for cls in classes
}
REPORTS: Final = frozenset(kind for kind, roles in ROLES_BY_TYPE.items() if roles <= _COLLECTION)
"""What furnishers report of a citizen's conduct: what can be corrected."""
DISPUTABLE: Final = REPORTS | {"answer", "correction"}
"""What can be disputed or retracted: reports, their corrections, and an inquiry that was answered.

Never consents, freezes or passkeys: only the citizen's own further word changes those.
"""
# The names of all fields of a type, `type` among them, as they are written.
FIELDS_BY_TYPE: Final[dict[str, frozenset[str]]] = {
    name: frozenset({"type", *cls.__struct_encode_fields__}) for name, cls in CLASS_BY_TYPE.items()
}


def _ascending(names: tuple[str, ...]) -> bool:
    return list(names) == sorted(set(names))


def _day_refusal(name: str, text: str) -> Refusal | None:
    return None if is_day(text) else Refusal("format", f"`{name}` is not a day YYYY-MM-DD")


def _until_refusal(until: str, day: str) -> Refusal | None:
    return _day_refusal("until", until) or (
        None
        if until > day
        else Refusal("day", "`until` is the first day on which it no longer holds: after `day`")
    )
