"""The fold: from a citizen's events to the folded file, the same whatever the order in which they arrive.

    fold(a + b) = fold(fold(a), b)     for every way to split the events and every order

Nothing here asks which event came first. Each part of the file is a join of what the events say of it: the
largest (day, log index) of a statement, a limit or an opening, the worst code of a month, the earliest
closing, a sum. These are commutative and associative, sums too, as they stop at 2^53 - 1 and only grow. What
is dropped is older than a window that is counted back from the newest month of the same list: that month only
grows, so what was dropped once would be dropped later in any other order.

Repairs are the exception. A correction, a retraction and a dispute change what an earlier event said
(`app.core.scoring.repairs`), so `fold` refuses them, and `fold_history` folds the citizen's whole history anew. What such a
history folds to takes further events one at a time again. Of what is in dispute, or was taken out, the file keeps that there
was a report (`_in_doubt`), by the same kind of joins.

    file = fold(File(), [(6, opened), (7, statement), (8, payment)])
    file = fold(file, [(12, status)])                   # the hot path: one event, about 2 microseconds
    file = fold_history(everything) if touches_repair(event) else fold(file, [(index, event)])

Source: formats.md sections 2 (repair) and 8; docs/decisions/0025; rules R8, R12, R23, R27, R28, R35.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from app.core.months import month_of
from app.core.reporting import event_types as et
from app.core.scoring.folded import (
    GIVEN_MAX,
    IN_DOUBT,
    INQUIRIES_MAX,
    INQUIRY_MONTHS,
    NAMES_MAX,
    STATEMENT_MONTHS,
    STATUS_MONTHS,
    SUM_MAX,
    UNKNOWN,
    Account,
    Codes,
    Consent,
    File,
    FreezeEntry,
    InquiryEntry,
    Late,
    Paid,
    Passkey,
    Record,
    Statement,
    copy_file,
)
from app.core.scoring.profiles import FOLD_VERSION
from app.core.scoring.repairs import REPAIRS, repairs_of, touches_repair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from app.core.reporting.event_base import Event

STATUS_CODES: Final = {
    "on_time": "0",
    "late_1": "1",
    "late_30": "2",
    "late_60": "3",
    "late_90": "4",
    "late_120": "5",
    "charged_off": "6",
    IN_DOUBT: IN_DOUBT,  # of what was reported so no more is left (`_in_doubt`)
}
COMMUNITY_CODES: Final = {"on_time": "0", "late": "1", "settled": "2", IN_DOUBT: IN_DOUBT}
NOTHING: Final = "-"  # sorts before all codes, and before IN_DOUBT


def fold(file: File, events: Iterable[tuple[int, Event]]) -> File:
    """The file after further events, each with its log index; `file` stays as it was.

    The events are of one citizen, none is there twice or in `file` already, and none touches a repair.
    """
    return fold_owned(copy_file(file), events)


def fold_owned(file: File, events: Iterable[tuple[int, Event]]) -> File:
    """`fold` into a file that nobody else holds: it is changed and returned."""
    for index, event in events:
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(file, index, event)
    return file


def fold_history(events: Iterable[tuple[int, Event]], version: int = FOLD_VERSION) -> File:
    """The file of a citizen's whole history, repairs applied.

    `repaired` is set when there was a repair, `disputed` counts the events with an open dispute. A correction
    whose fields do not make an event of the target's type is left out: admission refuses it. The first version of
    the fold kept nothing of what is in doubt; blocks that were made by it are still replayed by it.
    """
    history = sorted(events, key=lambda item: item[0])
    made = repairs_of(history)
    counting: list[tuple[int, Event]] = []
    doubtful: list[Event] = []
    for index, event in history:
        if index in made.retracted or touches_repair(event):
            continue
        standing = made.standing(index, event)
        if made.in_doubt(index, standing):
            doubtful.append(standing)
        else:
            counting.append((index, standing))
    repaired = any(touches_repair(event) for _, event in history)
    file = fold_owned(File(disputed=len(made.disputed), repaired=repaired), counting)
    if version > 1:
        for event in doubtful:
            _in_doubt(file, event)
    return file


def _in_doubt(file: File, event: Event) -> None:
    """Of an event in doubt: that it was reported, of what, for which month. Of an opening also how old it makes the file."""
    match event:
        case et.Status():
            _status(file, 0, replace(event, status=IN_DOUBT, first_delinquent_on=None))
        case et.Community():
            _community(file, 0, replace(event, status=IN_DOUBT))
        case et.AccountOpened():
            account = _account(file, event, month_of(event.day))
            if event.opened_on is not None:
                account.opened_in_doubt = _earlier(account.opened_in_doubt, event.opened_on)
        case et.AccountClosed() | et.Statement():
            _account(file, event, month_of(event.day))
        case et.Arrears() | et.CollectionPlaced() | et.CourtDebt() | et.Insolvency():
            _record(file, RECORD_GROUPS[type(event)], event)


# ---- accounts
# --------------------------------------------------------------------------------------------------


def _account(file: File, event: Any, month: int) -> Account:
    """The account of an event, which its month was reported for."""
    key = f"{event.furnisher}:{event.account}"
    account = file.accounts.get(key)
    if account is None:
        account = file.accounts[key] = Account(first=month)
        _bound(file.accounts, f"{event.furnisher}:", NAMES_MAX)
    elif account.first is None or month < account.first:
        account.first = month
    if file.reported is None or month > file.reported:
        file.reported = month
    return account


def _bound(names: dict[str, Any], prefix: str, kept: int) -> None:
    """Keep the first names of the alphabet, so many a furnisher: which those are does not depend on the order of arrival.

    No furnisher has so many accounts or cases of one person. Without a bound, one could make the file of a citizen so large
    that no block gets done.
    """
    if len(names) > kept:
        own = [name for name in names if name.startswith(prefix)]
        if len(own) > kept:
            del names[max(own)]


def _currency(account: Account, currency: str) -> None:
    if account.currency is None or currency < account.currency:
        account.currency = currency


def _limit(account: Account, index: int, event: et.AccountOpened | et.Statement) -> None:
    place = (event.day, index)
    if event.limit_minor is not None and (account.limit_at is None or place > account.limit_at):
        account.limit_minor, account.limit_at = event.limit_minor, place


def _opened(file: File, index: int, event: et.AccountOpened) -> None:
    account = _account(file, event, month_of(event.day))
    _currency(account, event.currency)
    _limit(account, index, event)
    place = (event.day, index)
    if account.opened_at is None or place > account.opened_at:
        account.opened_at, account.opened_on, account.class_ = place, event.opened_on, event.class_


def _closed(file: File, _index: int, event: et.AccountClosed) -> None:
    account = _account(file, event, month_of(event.day))
    account.closed_on = _earlier(account.closed_on, event.day)


def _statement(file: File, index: int, event: et.Statement) -> None:
    month = month_of(event.day)
    account = _account(file, event, month)
    _currency(account, event.currency)
    _limit(account, index, event)
    limit, minimum = event.limit_minor, event.minimum_minor
    row = Statement(
        month,
        event.day,
        index,
        event.balance_minor,
        UNKNOWN if limit is None else limit,
        UNKNOWN if minimum is None else minimum,
    )
    rows = account.statements
    place = len(rows) if not rows or month > rows[-1].month else bisect_left(rows, month, key=_month)
    if place < len(rows) and rows[place].month == month:
        if (event.day, index) > (rows[place].day, rows[place].index):
            rows[place] = row
    else:
        rows.insert(place, row)
        _prune(rows, STATEMENT_MONTHS)


def _payment(file: File, _index: int, event: et.Payment) -> None:
    month = month_of(event.day)
    account = _account(file, event, month)
    _currency(account, event.currency)
    rows = account.paid
    place = len(rows) if not rows or month > rows[-1].month else bisect_left(rows, month, key=_month)
    if place < len(rows) and rows[place].month == month:
        rows[place] = Paid(month, min(rows[place].sum_minor + event.amount_minor, SUM_MAX))
    else:
        rows.insert(place, Paid(month, event.amount_minor))
        _prune(rows, STATEMENT_MONTHS)


def _status(file: File, _index: int, event: et.Status) -> None:
    month = month_of(event.day)
    account = _account(file, event, month)
    account.status = codes = put_code(account.status, month, STATUS_CODES[event.status])
    late = account.late
    if event.first_delinquent_on is not None and month >= codes[0]:
        place = bisect_left(late, month, key=_month)
        first, last = event.first_delinquent_on, event.day
        if place < len(late) and late[place].month == month:
            known = late[place]
            late[place] = Late(month, min(first, known.first_delinquent_on), max(last, known.day))
        else:
            late.insert(place, Late(month, first, last))
    while late and late[0].month < codes[0]:
        del late[0]


def put_code(codes: Codes | None, month: int, code: str) -> Codes:
    """The codes with one more; the larger one wins in its month, and 120 months are kept."""
    if codes is None:
        return month, code
    first, text = codes
    place, length = month - first, len(text)
    if place >= length:
        text += NOTHING * (place - length) + code
    elif place >= 0:
        if code > text[place]:
            text = text[:place] + code + text[place + 1 :]
        return first, text
    elif length - place > STATUS_MONTHS:
        return codes
    else:
        return month, code + NOTHING * (-place - 1) + text
    if len(text) > STATUS_MONTHS:
        kept = text[-STATUS_MONTHS:].lstrip(NOTHING)
        first, text = first + len(text) - len(kept), kept
    return first, text


def _month(row: Statement | Paid | Late) -> int:
    return row.month


def _prune(rows: list[Any], kept: int) -> None:
    """Drop rows that are not of the newest `kept` months."""
    oldest = rows[-1].month - kept
    while rows[0].month <= oldest:
        del rows[0]


# ---- community, records, access
# --------------------------------------------------------------------------------------------------


def _community(file: File, _index: int, event: et.Community) -> None:
    month = month_of(event.day)
    key = f"{event.furnisher}:{event.type}:{event.account}"
    file.community[key] = put_code(file.community.get(key), month, COMMUNITY_CODES[event.status])
    _bound(file.community, f"{event.furnisher}:", NAMES_MAX)
    if file.reported is None or month > file.reported:
        file.reported = month


def _record(file: File, group: str, event: Any) -> Record:
    record = file.records.setdefault(f"{event.furnisher}:{group}:{event.case}", Record())
    _bound(file.records, f"{event.furnisher}:", NAMES_MAX)
    return record


def _placed(file: File, _index: int, event: Any) -> None:
    record = _record(file, RECORD_GROUPS[type(event)], event)
    record.placed = _earlier(record.placed, event.day)
    kind = event.kind if type(event) is et.Arrears else RECORD_GROUPS[type(event)]
    record.kind = _earlier(record.kind, kind)


def _settled(file: File, _index: int, event: Any) -> None:
    group = RECORD_GROUPS[type(event)]
    record = _record(file, group, event)
    record.settled = _earlier(record.settled, event.day)
    if group != "arrears":
        record.kind = group


RECORD_GROUPS: Final[dict[type[Event], Any]] = {
    et.Arrears: "arrears",
    et.ArrearsPaid: "arrears",
    et.CollectionPlaced: "collection",
    et.CollectionSettled: "collection",
    et.CourtDebt: "court_debt",
    et.CourtDebtSettled: "court_debt",
    et.Insolvency: "insolvency",
    et.InsolvencyDischarged: "insolvency",
}


def _answered_inquiry(file: File, index: int, event: et.Answer) -> None:
    """Only what was answered counts: a bank that may not look cannot cost anybody points by asking (R15, R18)."""
    if event.purpose != "credit_application":
        return  # R19: no other look counts
    rows = file.inquiries
    insort(rows, InquiryEntry(event.day, event.class_ or "card", index))
    oldest = month_of(rows[-1].day) - INQUIRY_MONTHS
    while month_of(rows[0].day) <= oldest or len(rows) > INQUIRIES_MAX:
        del rows[0]


def _consent(file: File, _index: int, event: et.ConsentGiven) -> None:
    """An id is unique per furnisher only: should two use the same one, the smaller terms stand."""
    consent = file.consents.setdefault(event.id, Consent())
    _bound(file.consents, "", GIVEN_MAX)
    terms = (event.day, event.until, event.grantee, tuple(event.purposes))
    if consent.from_ is None or terms < (consent.from_, consent.until, consent.grantee, consent.purposes):
        consent.from_, consent.until, consent.grantee, consent.purposes = terms


def _withdrawn(file: File, _index: int, event: et.ConsentWithdrawn) -> None:
    consent = file.consents.setdefault(event.consent, Consent())
    _bound(file.consents, "", GIVEN_MAX)
    consent.withdrawn = _earlier(consent.withdrawn, event.day)


def _passkey(file: File, _index: int, event: et.PasskeyAdded) -> None:
    passkey = file.passkeys.setdefault(event.credential, Passkey())
    _bound(file.passkeys, "", GIVEN_MAX)
    terms = (event.day, event.public_key)
    if passkey.added is None or terms < (passkey.added, passkey.public_key):
        passkey.added, passkey.public_key = terms


def _passkey_removed(file: File, _index: int, event: et.PasskeyRemoved) -> None:
    passkey = file.passkeys.setdefault(event.credential, Passkey())
    _bound(file.passkeys, "", GIVEN_MAX)
    passkey.removed = _earlier(passkey.removed, event.day)


def _freeze(file: File, index: int, event: et.Freeze) -> None:
    insort(file.freezes, FreezeEntry(event.day, index, 1, "", ""))


def _thaw(file: File, index: int, event: et.Thaw) -> None:
    insort(file.freezes, FreezeEntry(event.day, index, 0, event.grantee or "", event.until or ""))


def _earlier(known: Any, new: str) -> Any:
    return new if known is None or new < known else known


def _refuse(_file: File, _index: int, event: Event) -> None:
    raise AssertionError(f"a {event.type} is folded with the whole history")


_HANDLERS: Final[dict[type[Event], Callable[[File, int, Any], None]]] = {
    et.AccountOpened: _opened,
    et.AccountClosed: _closed,
    et.Statement: _statement,
    et.Payment: _payment,
    et.Status: _status,
    et.Rent: _community,
    et.Utility: _community,
    et.Telecom: _community,
    et.CourtDebt: _placed,
    et.Insolvency: _placed,
    et.Arrears: _placed,
    et.CollectionPlaced: _placed,
    et.CourtDebtSettled: _settled,
    et.InsolvencyDischarged: _settled,
    et.ArrearsPaid: _settled,
    et.CollectionSettled: _settled,
    et.Answer: _answered_inquiry,
    et.ConsentGiven: _consent,
    et.ConsentWithdrawn: _withdrawn,
    et.PasskeyAdded: _passkey,
    et.PasskeyRemoved: _passkey_removed,
    et.Freeze: _freeze,
    et.Thaw: _thaw,
    **dict.fromkeys(REPAIRS, _refuse),
}
