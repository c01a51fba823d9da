"""One minimal and one full event of every type, written out by hand from formats.md, as plain dicts."""

import orjson

from app.core.reporting.event_base import Header

ORIGIN = "credence.example/ledger"
FURNISHER = "bank.example/cards"
HEADER = Header(ORIGIN, FURNISHER, "uci", "2026-11-22")
NONCE = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA"
HASH = "9f" * 32
COMMON = {
    "v": 1,
    "ledger": ORIGIN,
    "furnisher": FURNISHER,
    "id": "0192f3b6-7d2a-7000-8000-000000000001",
    "citizen": "uci:17",
    "nonce": NONCE,
    "day": "2026-10-31",
}
NOTICE = {"notified_on": "2026-11-01", "notified_by": "letter"}
PAPER = {"basis": "paper", "basis_ref": "form-17"}
ASSERTION = {
    "assertion": {
        "credential": "AAAA",
        "authenticator_data": "AAAAAAAA",
        "client_data": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
        "signature": "MEUCIQ",
    }
}
TIMED = {"time": "2026-10-31T09:00:00Z"}

# type -> (fields that are required, fields that may be added); together they are every field of the type but for
# the alternatives below
TYPES = {
    "account_opened": (
        {"account": "c-1", "class": "card", "currency": "CNY"},
        {"opened_on": "2024-02-29", "limit_minor": 2_000_000},
    ),
    "statement": (
        {"account": "c-1", "currency": "CNY", "balance_minor": -5},
        {"limit_minor": 0, "minimum_minor": 10**15},
    ),
    "payment": ({"account": "c-1", "currency": "CNY", "amount_minor": 1}, {}),
    "status": ({"account": "c-1", "status": "on_time"}, {"paid": "nothing_due"}),
    "account_closed": ({"account": "c-1"}, {}),
    "rent": ({"account": "flat.7", "status": "on_time"}, {}),
    "utility": ({"account": "w_1", "status": "settled"}, {}),
    "telecom": ({"account": "t-1", "status": "late", **NOTICE}, {}),
    "court_debt": ({"case": "2026-1", **NOTICE}, {}),
    "court_debt_settled": ({"case": "2026-1"}, {}),
    "insolvency": ({"case": "2026-1", **NOTICE}, {}),
    "insolvency_discharged": ({"case": "2026-1"}, {}),
    "arrears": ({"case": "2026-1", "kind": "tax", **NOTICE}, {}),
    "arrears_paid": ({"case": "2026-1"}, {}),
    "collection_placed": ({"case": "2026-1", **NOTICE}, {}),
    "collection_settled": ({"case": "2026-1"}, {}),
    "passkey_added": ({"credential": "AAAA", "public_key": "pQECAyYgASFYIA", **PAPER}, {}),
    "passkey_removed": ({"credential": "AAAA", **PAPER}, {}),
    "consent_given": (
        {"grantee": "bank.example/loans", "purposes": ["account_review", "self"], "until": "2027-10-31", **PAPER},
        {},
    ),
    "consent_withdrawn": ({"consent": "0192f3b6-7d2a-7000-bfff-000000000002", **PAPER}, {}),
    "inquiry": (
        {"purpose": "credit_application", **TIMED},
        {"consent": "0192f3b6-7d2a-7000-bfff-000000000002", "class": "mortgage", "case": "k"},
    ),
    "answer": (
        {"inquiry": HASH, "recipient": "bank.example/loans", "purpose": "self", "block": 0, "shown": ["score"], "score": 300, **TIMED},
        {"class": "card", "context": HASH, "commitment_ge": HASH, "commitment_le": HASH, "credential": "A" * 43,
         "holder": "ed25519:" + "A" * 43, "expires": "2026-11-29T00:00:00Z", "low": 300, "high": 850},
    ),
    "look": ({"recipient": "desk.example", "purpose": "regulator", "shown": ["file", "history", "receipt"], **TIMED}, {"case": "r-1"}),
    "refusal": ({"inquiry": HASH, "recipient": "bank.example/loans", "purpose": "self", "reason": "frozen", **TIMED}, {}),
    "freeze": ({**PAPER}, {}),
    "thaw": ({**PAPER}, {"grantee": "bank.example/loans", "until": "2026-11-30"}),
    "dispute_opened": ({"target": 17, "ground": "not_mine", **PAPER}, {"evidence": HASH, "text": "不是我的\nnot mine"}),
    "dispute_closed": ({"target": 17, "outcome": "upheld", "reason": "the statement is right"}, {}),
    "correction": ({"target": 17, "fields": {"account": "c-1", "amount_minor": 2, "currency": "CNY", "day": "2026-10-31"}}, {}),
    "retraction": ({"target": 2**53 - 1, "reason": "wrong_person"}, {}),
    "citizen_statement": ({"text": "I was in hospital.", **PAPER}, {"target": 17}),
    "erasure": ({"scope": "consent_based", **PAPER}, {}),
}  # fmt: skip


def minimal(kind, **changes):
    return {**COMMON, "type": kind, **TYPES[kind][0], **changes}


def full(kind, **changes):
    return {**minimal(kind), **TYPES[kind][1], **changes}


def without(event, *names):
    return {name: value for name, value in event.items() if name not in names}


def late(status="late_30", **changes):
    return minimal("status", status=status, first_delinquent_on="2026-09-15", **NOTICE, **changes)


def line(event):
    """Canonical bytes by the reference of another author, and of nothing that is checked here."""
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)


ALL = (
    [minimal(kind) for kind in TYPES]
    + [full(kind) for kind in TYPES]
    + [late(), minimal("freeze") | ASSERTION]
)
ALL[-1] = without(ALL[-1], "basis", "basis_ref")
