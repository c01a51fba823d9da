"""Short ways to write events for the fold, and Hypothesis strategies for whole histories."""

from datetime import date, timedelta
from math import prod

from hypothesis import strategies as st

from app.core import canon
from app.core.months import month_of
from app.core.reporting import event_types as et
from app.core.reporting.events import encode_event
from app.core.scoring.fold import fold
from app.core.scoring.folded import Account, File, Record
from app.core.scoring.profiles import CN
from app.core.scoring.score import score_file
from app.core.scoring.scorecard import CardCriterion, CardMeasure, expert_card, make_card

CARD = expert_card()
CRITERIA = CARD.ids


def wide_card():
    """All measures, one pair among them; points of every bin differ from those of its neighbours."""
    edges = {c.measures[0].id: c.measures[0].edges for c in CARD.contents.criteria}
    edges |= {"utilisation_peak": (100, 500, 1000), "unpaid_months": (1, 2, 3)}
    pair = (
        CardMeasure(edges.pop("current"), "current"),
        CardMeasure(edges.pop("utilisation_peak"), "utilisation_peak"),
    )
    groups = [pair, *((CardMeasure(own, name),) for name, own in edges.items())]
    criteria = []
    for number, measures in enumerate(groups):
        bins = prod(measure.bins for measure in measures)
        best = 40 if number else 550 - 40 * (len(groups) - 1)
        points = [best - place for place in range(bins)]
        if measures[0].id == "on_time_months":
            points.reverse()
        criteria.append(CardCriterion(measures, tuple(points), "fitted"))
    return make_card(CARD.contents.__class__(300, tuple(criteria), "Wide", 850, 1))


WIDE = wide_card()
CARDS = (CARD, WIDE)  # whatever holds for a card holds for each of these
TODAY = "2026-11-22"
NOW = month_of(TODAY)
NOTICE = {"notified_on": "1990-01-01", "notified_by": "letter"}
PAPER = {"basis": "paper", "basis_ref": "form-17"}
CLASSES = ("card", "overdraft", "instalment", "mortgage", "student", "business")
STATUSES = ("on_time", "late_1", "late_30", "late_60", "late_90", "late_120", "charged_off")


def make(cls, day, *, furnisher="bank.example", number=1, **fields):
    return cls(
        v=1,
        ledger="credence.example/ledger",
        furnisher=furnisher,
        id=f"0192f3b6-7d2a-7000-8000-{number:012x}",
        citizen="uci:17",
        nonce="q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA",
        day=day,
        **fields,
    )


def opened(day=TODAY, account="a", class_="card", currency="CNY", **fields):
    return make(et.AccountOpened, day, account=account, class_=class_, currency=currency, **fields)


def statement(day, balance_minor, account="a", currency="CNY", **fields):
    return make(et.Statement, day, account=account, currency=currency, balance_minor=balance_minor, **fields)


def payment(day, amount_minor, account="a", currency="CNY"):
    return make(et.Payment, day, account=account, currency=currency, amount_minor=amount_minor)


def status(day, how="on_time", account="a", first=None):
    if how == "on_time":
        return make(et.Status, day, account=account, status=how)
    return make(et.Status, day, account=account, status=how, first_delinquent_on=first or day, **NOTICE)


def closed(day, account="a"):
    return make(et.AccountClosed, day, account=account)


def rent(day, how="on_time", account="flat"):
    return make(et.Rent, day, account=account, status=how, **(NOTICE if how == "late" else {}))


def inquiry(day, class_=None, purpose="credit_application"):
    """The answered inquiry: an answer is what counts."""
    return make(
        et.Answer,
        day,
        inquiry="0" * 64,
        recipient="bank.example",
        purpose=purpose,
        time=f"{day}T04:00:00Z",
        class_=class_,
        block=1,
        shown=("score",),
        score=700,
    )


def placed(cls, day, case="c-1", **fields):
    return make(cls, day, case=case, **NOTICE, **fields)


def settled(cls, day, case="c-1"):
    return make(cls, day, case=case)


def freeze(day):
    return make(et.Freeze, day, **PAPER)


def thaw(day, grantee=None, until=None):
    return make(et.Thaw, day, grantee=grantee, until=until, **PAPER)


def ago(months, day_of_month=15):
    """A day in the month that is so many months before TODAY's."""
    month = NOW - months - 1
    return f"{month // 12:04d}-{month % 12 + 1:02d}-{day_of_month:02d}"


def file_of(*events):
    return fold(File(), list(enumerate(events)))


def scored(events, day=TODAY, profile=CN, card=CARD):
    return score_file(file_of(*events), day, card, profile)


def bin_of(criterion, events, day=TODAY, profile=CN):
    """The bin that a criterion falls into, for a file that has a score on account of an old loan."""
    old = opened("2020-01-01", account="old", class_="mortgage", opened_on="2020-01-01")
    card = CARD if criterion in CRITERIA else WIDE
    rows = scored([old, rent(day, account="now"), *events], day, profile, card).criteria
    return rows[card.ids.index(criterion)][1]


def next_day(day, days=1):
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


# ---- repairs
# --------------------------------------------------------------------------------------------------


def correction(target, event, **changes):
    fields = canon.decode(encode_event(event))
    for name in ("v", "ledger", "furnisher", "id", "type", "citizen", "nonce"):
        del fields[name]
    fields |= changes
    return make(et.Correction, fields["day"], target=target, fields=fields)


def dispute(target, day="2026-11-20"):
    return make(et.DisputeOpened, day, target=target, ground="wrong_status", **PAPER)


def undisputed(target, day="2026-11-21", outcome="upheld"):
    return make(et.DisputeClosed, day, target=target, outcome=outcome, reason="It was so.")


def retraction(target, day="2026-11-20"):
    return make(et.Retraction, day, target=target, reason="reported_in_error")


def only_helps(event):
    """What stays in the file while it is disputed (formats.md, section 8), by the names of the types."""
    kind = type(event).__struct_config__.tag
    stays = {
        "payment",
        "court_debt_settled",
        "insolvency_discharged",
        "arrears_paid",
        "collection_settled",
    }
    return kind in stays or (kind in {"status", "rent", "utility", "telecom"} and event.status == "on_time")


def left_in_doubt(file, events):
    """`file`, and what is left of these events in doubt (formats.md, section 8): worked out by the document, not by joins."""
    for event in events:
        kind, month = type(event).__struct_config__.tag, month_of(event.day)
        if kind in {"account_opened", "account_closed", "statement", "status"}:
            account = file.accounts.setdefault(f"{event.furnisher}:{event.account}", Account(first=month))
            account.first = min(account.first, month)
            if kind == "account_opened" and event.opened_on:
                account.opened_in_doubt = min(event.opened_on, account.opened_in_doubt or event.opened_on)
            if kind == "status":
                account.status = _with_dot(account.status, month)
                account.late = [late for late in account.late if late.month >= account.status[0]]
        elif kind in {"rent", "utility", "telecom"}:
            name = f"{event.furnisher}:{kind}:{event.account}"
            file.community[name] = _with_dot(file.community.get(name), month)
        elif kind in {"court_debt", "insolvency", "arrears", "collection_placed"}:
            file.records.setdefault(
                f"{event.furnisher}:{kind.removesuffix('_placed')}:{event.case}", Record()
            )
            continue
        else:
            continue
        file.reported = max(file.reported or 0, month)
    return file


def _with_dot(codes, month):
    first, text = codes or (month, "")
    by_month = {first + n: code for n, code in enumerate(text) if code != "-"}
    by_month.setdefault(month, ".")
    kept = [each for each in by_month if each > max(by_month) - 120]
    return min(kept), "".join(by_month.get(each, "-") for each in range(min(kept), max(kept) + 1))


# ---- histories
# --------------------------------------------------------------------------------------------------


def days(first, last):
    return st.dates(date.fromisoformat(first), date.fromisoformat(last)).map(date.isoformat)


def business(day):
    accounts = st.sampled_from(["a", "b", "c"])
    currencies = st.sampled_from(["CNY", "CNY", "CNY", "EUR"])
    minor = st.sampled_from([0, 1, 100, 5_000, 10_000, 10**15])
    return (
        st.builds(
            opened,
            day,
            accounts,
            st.sampled_from(CLASSES),
            currencies,
            opened_on=st.none() | day,
            limit_minor=st.none() | minor,
        )
        | st.builds(
            statement,
            day,
            minor | minor.map(int.__neg__),
            accounts,
            currencies,
            limit_minor=st.none() | minor,
            minimum_minor=st.none() | minor,
        )
        | st.builds(payment, day, minor.filter(bool), accounts, currencies)
        | statuses(day)
        | st.builds(closed, day, accounts)
    )


def statuses(day, hows=STATUSES):
    return st.builds(status, day, st.sampled_from(hows), st.sampled_from(["a", "b", "c"]), st.none() | day)


def community(day, hows=("on_time", "late", "settled")):
    return st.builds(
        lambda cls, day, how, account: make(
            cls, day, account=account, status=how, **(NOTICE if how == "late" else {})
        ),
        st.sampled_from([et.Rent, et.Utility, et.Telecom]),
        day,
        st.sampled_from(hows),
        st.sampled_from(["a", "flat"]),
    )


def records(day):
    cases = st.sampled_from(["c-1", "c-2"])
    begun = st.sampled_from([et.CourtDebt, et.Insolvency, et.CollectionPlaced])
    ended = st.sampled_from(
        [et.CourtDebtSettled, et.InsolvencyDischarged, et.CollectionSettled, et.ArrearsPaid]
    )
    return (
        st.builds(placed, begun, day, cases)
        | st.builds(
            lambda *a, kind: placed(*a, kind=kind),
            st.just(et.Arrears),
            day,
            cases,
            kind=st.sampled_from(["tax", "fee"]),
        )
        | st.builds(settled, ended, day, cases)
    )


def access(day):
    numbers = st.integers(1, 3)
    return (
        st.builds(
            inquiry,
            day,
            st.sampled_from([None, "card", "mortgage"]),
            st.sampled_from(["credit_application", "self"]),
        )
        | st.builds(freeze, day)
        | st.builds(thaw, day, st.sampled_from([None, "bank.example"]), st.none() | day)
        | st.builds(
            lambda day, until, number, grantee: make(
                et.ConsentGiven, day, number=number, grantee=grantee, purposes=("self",), until=until, **PAPER
            ),
            day,
            day,
            numbers,
            st.sampled_from(["bank.example", "other.example"]),
        )
        | st.builds(
            lambda day, number: make(
                et.ConsentWithdrawn, day, consent=f"0192f3b6-7d2a-7000-8000-{number:012x}", **PAPER
            ),
            day,
            numbers,
        )
        | st.builds(
            lambda day, credential, key: make(
                et.PasskeyAdded, day, credential=credential, public_key=key, **PAPER
            ),
            day,
            st.sampled_from(["AAAA", "AAAB"]),
            st.sampled_from(["pQEC", "pQED"]),
        )
        | st.builds(
            lambda day, credential: make(et.PasskeyRemoved, day, credential=credential, **PAPER),
            day,
            st.sampled_from(["AAAA", "AAAB"]),
        )
    )


def events(first="2012-01-01", last=TODAY):
    """Any event that the fold looks at, with a day in these."""
    day = days(first, last)
    return st.one_of(business(day), business(day), business(day), community(day), records(day), access(day))


def histories(first="2012-01-01", last=TODAY, max_size=30):
    """Lists of (log index, event), ascending by log index."""
    return st.lists(events(first, last), max_size=max_size).map(lambda items: list(enumerate(items)))
