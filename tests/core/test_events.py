"""Events: every type whole, every field missing, every rule broken; and what the refusals say."""

import time

import orjson
import pytest
import rfc8785

from app.core.canon import decode as canonical
from app.core.errors import CredenceError, FormatError, RuleError
from app.core.months import month_of
from app.core.reporting import events
from app.core.reporting.event_types import CLASS_BY_TYPE, FIELDS_BY_TYPE
from app.core.reporting.events import Header, decode_corrected, decode_event, decode_events
from tests.core.event_samples import (
    ALL,
    ASSERTION,
    COMMON,
    FURNISHER,
    HASH,
    HEADER,
    NOTICE,
    ORIGIN,
    TYPES,
    full,
    late,
    line,
    minimal,
    without,
)

CN = Header(ORIGIN, FURNISHER, "cn", "2026-11-22")
RESIDENT = "cn:11010519491231002X"


def refused(event, rule, words=".", header=HEADER):
    """The event is refused by this rule, alone and in a batch, with these words in the sentence."""
    raw = event if isinstance(event, bytes) else line(event)
    with pytest.raises(CredenceError, match=words) as caught:
        decode_event(raw, header)
    assert type(caught.value) is (FormatError if rule == "format" else RuleError)
    if rule != "format":
        assert caught.value.code == rule.lower()
    _, problems = decode_events([line(minimal("freeze")), raw], header)
    assert [(p.line, p.rule) for p in problems][-1] == (3, rule)
    assert problems[-1].detail in str(caught.value)
    return caught.value.detail


# ---- what is accepted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ALL, ids=lambda e: f"{e['type']}-{len(e)}")
def test_every_type_minimal_and_full(event):
    raw = line(event)
    assert raw == rfc8785.dumps(event)
    value = decode_event(raw, HEADER)
    assert value.type == event["type"] == events.type_of(value)
    assert type(value) is CLASS_BY_TYPE[event["type"]]
    assert events.encode_event(value) == raw
    assert events.decode_stored(raw) == value
    for name, expected in event.items():
        if name not in ("type", "assertion"):
            got = getattr(value, "class_" if name == "class" else name)
            assert (list(got) if isinstance(got, tuple) else got) == expected
    assert decode_events([raw] * 3, HEADER) == ([value] * 3, [])


def test_the_samples_are_every_field_of_every_type():
    for kind, (required, optional) in TYPES.items():
        extra = {"status": {"first_delinquent_on", *NOTICE}, "answer": {"insufficient"}}.get(kind, set())
        extra |= set(NOTICE) if kind in ("rent", "utility") else set()
        extra |= {"assertion"} if "basis" in required else set()
        assert set(COMMON) | {"type"} | set(required) | set(optional) | extra == FIELDS_BY_TYPE[kind], kind


@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for k in TYPES for n in {**COMMON, **TYPES[k][0], "type": k}]
)
def test_each_missing_required_field(kind, name):
    raw = line(without(minimal(kind), name))
    with pytest.raises(CredenceError) as caught:
        decode_event(raw, HEADER)
    if name == "type":
        assert caught.value.code == "r1"
    elif name in NOTICE:
        assert caught.value.code == "r5"
    else:
        assert isinstance(caught.value, FormatError) or (kind, name) == ("correction", "x")
    if name not in ("basis", "basis_ref", "score"):
        assert f"`{name}`" in caught.value.detail


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k in TYPES for n in TYPES[k][1] if k != "answer"])
def test_each_optional_field_may_be_left_out(kind, name):
    assert (
        getattr(decode_event(line(without(full(kind), name)), HEADER), "class_" if name == "class" else name)
        is None
    )


# ---- R1: a closed set ----------------------------------------------------------------------------------------


def test_r1_unknown_type():
    refused({**COMMON, "type": "like", "target": 1}, "R1", "'like' is unknown")
    refused({**COMMON, "type": ["payment"]}, "R1", "`type`")
    refused(without(minimal("payment"), "type"), "R1", "`type`")


@pytest.mark.parametrize("kind", TYPES)
def test_r1_unknown_field(kind):
    assert "no field 'shoe_size'" in refused(minimal(kind, shoe_size=43), "R1")
    other = next(n for n in ("case", "account", "grantee") if n not in FIELDS_BY_TYPE[kind])
    refused(minimal(kind, **{other: "x"}), "R1", other)  # a field of another type is unknown too


def test_r1_unknown_field_inside():
    event = without(minimal("freeze"), "basis", "basis_ref") | {
        "assertion": {**ASSERTION["assertion"], "extra": "AAAA"}
    }
    refused(event, "R1", "'extra'")
    fields = {**TYPES["correction"][0]["fields"], "extra": 1}
    refused(minimal("correction", fields=fields), "R1", "'extra'")


# ---- R2, R3: what is never taken -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "religion",
        "isMuslim",
        "ethnic_group",
        "民族",
        "zongjiao_xinyang",
        "bloodType",
        "hiv_status",
        "party_membership",
        "gps_lat",
        "maritalStatus",
    ],
)
def test_r2_sensitive_field(name):
    assert "Decree 631 art. 14 (1)" in refused(minimal("payment", **{name: "x"}), "R2")
    fields = {**TYPES["correction"][0]["fields"], name: "x"}
    refused(minimal("correction", fields=fields), "R2")


def test_r2_sensitive_type():
    refused({**COMMON, "type": "religion"}, "R2", "religion")


@pytest.mark.parametrize(
    "name",
    ["income", "monthlySalary", "deposits", "securities", "tax_paid", "property_value", "收入", "cunkuan"],
)
def test_r3_income_and_property(name):
    assert "Decree 631 art. 14 (2)" in refused(minimal("payment", **{name: 1}), "R3")


@pytest.mark.parametrize("kind", ["arrears", "court_debt", "insolvency", "collection_placed"])
def test_r3_government_events_carry_no_amount(kind):
    refused(minimal(kind, amount_minor=1, currency="CNY"), "R1", "amount_minor|currency")


# ---- R5: told first ------------------------------------------------------------------------------------------

NEGATIVE = [late(s) for s in ("late_1", "late_30", "late_60", "late_90", "late_120", "charged_off")]
NEGATIVE += [minimal(k, status="late", **NOTICE) for k in ("rent", "utility", "telecom")]
NEGATIVE += [minimal(k) for k in ("court_debt", "insolvency", "arrears", "collection_placed")]


@pytest.mark.parametrize("event", NEGATIVE, ids=lambda e: f"{e['type']}-{e.get('status')}")
def test_r5_negative_needs_notice(event):
    assert events.is_negative(decode_event(line(event), HEADER))
    for missing in (["notified_on"], ["notified_by"], ["notified_on", "notified_by"]):
        refused(without(event, *missing), "R5")
    refused({**event, "notified_on": "2026-11-23"}, "R5", "after the day of admission")
    decode_event(line({**event, "notified_on": "2026-11-22"}), HEADER)
    refused({**event, "notified_on": "2026-11-31"}, "format", "notified_on")
    refused({**event, "notified_by": "rumour"}, "format", "notified_by")


def test_r5_negative_is_exactly_that():
    negative = {"telecom"} | {e["type"] for e in NEGATIVE if e["type"] not in ("status", "rent", "utility")}
    for kind in TYPES:
        assert events.is_negative(decode_event(line(minimal(kind)), HEADER)) == (kind in negative), kind


@pytest.mark.parametrize(
    "event", [minimal("status"), minimal("rent"), minimal("utility"), minimal("telecom", status="settled")]
)
def test_r5_others_take_no_notice(event):
    refused({**event, **NOTICE}, "R5", "negative events only")


def test_r5_others_have_no_such_field():
    refused(minimal("payment", **NOTICE), "R1")


# ---- R7: money -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "amount", [1.5, 1.0, "1", True, None, [1], {"a": 1}, 10**15 + 1, -(10**15) - 1, 2**53, 2**63]
)
def test_r7_money_is_integers_of_minor_units(amount):
    for kind, name in [
        ("statement", "balance_minor"),
        ("payment", "amount_minor"),
        ("account_opened", "limit_minor"),
    ]:
        refused(minimal(kind, **{name: amount}), "R7", name)
    refused(minimal("correction", fields={"amount_minor": amount, "day": COMMON["day"]}), "R7")


def test_r7_huge_and_odd_numbers_are_no_integers():
    raw = line(minimal("payment", amount_minor=7777))
    for text in (b"7777.0", b"7.777e3", b"1e400", b"9" * 30, b"-0.0"):
        assert refused(raw.replace(b"7777", text), "R7" if text != b"1e400" else "format")
    refused(raw.replace(b"7777", b"-0"), "format")  # an integer, but not in its one spelling


def test_money_has_its_range():
    decode_event(line(minimal("statement", balance_minor=-(10**15), limit_minor=10**15)), HEADER)
    refused(minimal("statement", limit_minor=-1), "format", "limit_minor")
    refused(minimal("payment", amount_minor=0), "format", "amount_minor")
    refused(minimal("payment", currency="cny"), "format", "currency")


# ---- R9: the set, by name ------------------------------------------------------------------------------------


def test_r9_the_event_types():
    assert sorted(events.EVENT_TYPES) == [
        "account_closed", "account_opened", "answer", "arrears", "arrears_paid", "citizen_statement", "collection_placed", "collection_settled",
        "consent_given", "consent_withdrawn", "correction", "court_debt", "court_debt_settled", "dispute_closed", "dispute_opened", "erasure", "freeze",
        "inquiry", "insolvency", "insolvency_discharged", "look", "passkey_added", "passkey_removed", "payment", "refusal", "rent", "retraction",
        "statement", "status", "telecom", "thaw", "utility",
    ]  # fmt: skip
    assert set(TYPES) == set(events.EVENT_TYPES)


def test_r9_who_may_report_what():
    by_role = {}
    for kind, roles in events.ROLES_BY_TYPE.items():
        for role in roles:
            by_role.setdefault(role, set()).add(kind)
    mend = {"correction", "retraction", "dispute_closed"}
    collection = {"collection_placed", "collection_settled"}
    citizen = {
        "passkey_added",
        "passkey_removed",
        "consent_given",
        "consent_withdrawn",
        "freeze",
        "thaw",
        "dispute_opened",
        "citizen_statement",
        "erasure",
    }
    assert by_role == {
        "lender": {"account_opened", "statement", "payment", "status", "account_closed"} | collection | mend,
        "utility": {"rent", "utility", "telecom"} | collection | mend,
        "public_body": {
            "court_debt",
            "court_debt_settled",
            "insolvency",
            "insolvency_discharged",
            "arrears",
            "arrears_paid",
        }
        | collection
        | mend,
        "bank": {"inquiry"} | mend,
        "enrolment": citizen | mend,
        "bureau": citizen | mend | {"answer", "look", "refusal"},
    }


# ---- the common fields ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("v", 2, "format"), ("v", True, "format"), ("v", "1", "format"),
        ("ledger", "other.example/ledger", "origin"), ("furnisher", "other.example", "furnisher"),
        ("id", "0192f3b6-7d2a-4000-8000-000000000001", "format"), ("id", "0192F3B6-7D2A-7000-8000-000000000001", "format"),
        ("id", "0192f3b6-7d2a-7000-c000-000000000001", "format"), ("id", "0192f3b67d2a70008000000000000001", "format"),
        ("id", COMMON["id"] + "\n", "format"),
        ("nonce", "A" * 42, "format"), ("nonce", "A" * 42 + "B", "format"), ("nonce", "A" * 44, "format"), ("nonce", "+" + "A" * 42, "format"),
        ("nonce", "A" * 43 + "\n", "format"),
        ("day", "2026-02-29", "format"), ("day", "1899-12-31", "format"), ("day", "2200-01-01", "format"), ("day", "20261031", "format"),
        ("day", "2026-11-23", "day"), ("day", "", "format"), ("day", "２０２６-10-31", "format"),
        ("citizen", "uci:0", "scheme"), ("citizen", "uci:017", "scheme"), ("citizen", RESIDENT, "scheme"), ("citizen", "17", "scheme"), ("citizen", 17, "format"),
    ],
)  # fmt: skip
def test_common_fields(name, value, rule):
    refused(minimal("payment", **{name: value}), rule, f"`{name}`")


def test_days_at_the_edges():
    assert decode_event(line(minimal("payment", day="1900-01-01")), HEADER).day == "1900-01-01"
    assert decode_event(line(minimal("payment", day="2026-11-22")), HEADER)
    assert month_of("2026-11-22") == 12 * 2026 + 11


def test_scheme_cn_takes_nothing_synthetic():
    event = minimal("court_debt", citizen=RESIDENT)
    assert decode_event(line(event), CN).citizen == RESIDENT
    for bad, words in [
        ({**event, "notified_by": "synthetic"}, "synthetic"),
        (minimal("freeze", citizen=RESIDENT, basis="research"), "research"),
        (minimal("freeze"), "citizen"),
        ({**event, "citizen": RESIDENT[:-1] + "1"}, "check character"),
    ]:
        with pytest.raises(RuleError, match=words) as caught:
            decode_event(line(bad), CN)
        assert caught.value.code == "scheme"
    assert decode_event(line(minimal("court_debt", notified_by="synthetic")), HEADER)
    assert decode_event(line(minimal("freeze", basis="research")), HEADER)


# ---- canonical form ------------------------------------------------------------------------------------------

RAW = line(minimal("payment", amount_minor=7777))


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"null", b"[]", b"1", b"{", RAW[:-1], RAW + b" ", b" " + RAW, RAW + RAW, b"\xef\xbb\xbf" + RAW,
        RAW.replace(b'"v":1', b'"v": 1'),
        RAW.replace(b'"v":1', b'"v":1,"v":1'),
        RAW.replace(b'"account":"c-1",', b'"account":"c-1","account":"c-1",'),
        RAW.replace(b'"c-1"', b'"\\u0063-1"'),
        RAW.replace(b"bank.example/cards", b"bank.example\\/cards"),
        RAW.replace(b"bank", b"b\xffnk"), RAW.replace(b"bank", b"b\xed\xa0\x80nk"), RAW.replace(b"c-1", b"\\ud800"),
        RAW.replace(b'"currency":"CNY",', b"").replace(b'"v":1', b'"v":1,"currency":"CNY"'),
        line(full("statement", limit_minor=None)).replace(b'"limit_minor":null,', b"") + b"\n",
        b"[" * 5000 + b"]" * 5000,
        b'{"fields":' * 1000 + b"1" + b"}" * 1000,
    ],
)  # fmt: skip
def test_not_canonical(raw):
    with pytest.raises((FormatError, RuleError)):
        decode_event(raw, HEADER)
    assert len(decode_events([raw], HEADER)[1]) == 1


def test_null_is_not_left_out():
    refused(minimal("inquiry", consent=None), "format", "null|NoneType")
    refused(minimal("inquiry", purpose=None), "format")


def test_keys_in_another_order():
    event = minimal("payment")
    raw = orjson.dumps(dict(sorted(event.items(), reverse=True)))
    refused(raw, "format", "canonical form")


def test_a_line_is_not_too_long():
    text = "界" * 1000
    assert decode_event(line(minimal("citizen_statement", text=text)), HEADER).text == text
    refused(minimal("citizen_statement", text="x" * 1001), "format", "text: 1 to 1,000")
    refused(b'{"a":"' + b"x" * 8192 + b'"}', "format", "8192")


@pytest.mark.parametrize("char", ["\0", "\x01", "\t", "\r", "\x0b", "\x1b", "\x7f", "\x80", "\x9f"])
def test_no_control_characters(char):
    refused(minimal("citizen_statement", text=f"a{char}b"), "format", "control characters")
    refused(
        minimal("correction", fields={"reason": f"a{char}b", "day": COMMON["day"]}),
        "format",
        "control character",
    )
    refused(minimal("payment", account=f"a{char}"), "format", "ref")


def test_a_newline_and_a_backslash_are_text():
    assert decode_event(line(minimal("citizen_statement", text='a\nb\\u0000 "c"')), HEADER)
    decode_event(line(minimal("correction", fields={"reason": "a\\n\\u0000b", "day": COMMON["day"]})), HEADER)


# ---- fields seen together ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "rule", "words"),
    [
        (minimal("account_opened", opened_on="2026-11-01"), "day", "opened_on"),
        (minimal("account_opened", opened_on="2023-02-29"), "format", "opened_on"),
        (without(late(), "first_delinquent_on"), "format", "first_delinquent_on"),
        (late() | {"first_delinquent_on": "2026-11-01"}, "day", "first_delinquent_on"),
        (late() | {"first_delinquent_on": "2026-09-31"}, "format", "first_delinquent_on"),
        (late(paid="full"), "format", "paid"),
        (minimal("status", first_delinquent_on="2026-09-01"), "format", "first_delinquent_on"),
        (minimal("consent_given", until="2026-10-31"), "day", "until"),
        (minimal("consent_given", until="soon"), "format", "until"),
        (minimal("consent_given", purposes=["self", "account_review"]), "format", "sorted"),
        (minimal("consent_given", purposes=["self", "self"]), "format", "distinct"),
        (minimal("consent_given", purposes=[]), "format", "purposes"),
        (minimal("consent_given", purposes=["marketing"]), "format", "purposes"),
        (minimal("consent_given", grantee="Bank"), "format", "name"),
        (minimal("thaw", until="2026-10-31"), "day", "until"),
        (minimal("freeze") | ASSERTION, "format", "exactly one"),
        (without(minimal("freeze"), "basis", "basis_ref"), "format", "exactly one"),
        (without(minimal("freeze"), "basis_ref"), "format", "basis_ref"),
        (without(minimal("freeze"), "basis") | ASSERTION, "format", "basis_ref"),
        (minimal("answer", insufficient=["too_young"]), "format", "exactly one"),
        (without(minimal("answer"), "score"), "format", "exactly one"),
        (without(minimal("answer", insufficient=["too_young", "too_young"]), "score"), "format", "twice"),
        (minimal("answer", score=299), "format", "score"),
        (minimal("answer", context=HASH), "format", "together"),
        (minimal("answer", shown=["score", "file"]), "format", "sorted"),
        (minimal("look", shown=["score", "score"]), "format", "distinct"),
        (minimal("inquiry", time="2026-10-31T09:00:00+00:00"), "format", "time"),
        (minimal("inquiry", time="2026-10-31T24:00:00Z"), "format", "time"),
        (minimal("passkey_added", credential="AAAAA"), "format", "base64url"),
        (minimal("passkey_added", credential="AAB"), "format", "base64url"),
        (minimal("passkey_added", credential="A" * 1024), "format", "base64url"),
        (minimal("retraction", target=-1), "format", "target"),
        (minimal("retraction", target=2**53), "format", "integer"),
        (minimal("correction", fields={}), "day", "corrected"),
        (minimal("correction", fields={"day": "2026-10-30"}), "day", "corrected"),
        (minimal("correction", fields={"day": COMMON["day"], "citizen": "uci:18"}), "format", "cannot change `citizen`"),
        (minimal("correction", fields={"day": COMMON["day"], **ASSERTION}), "format", "assertion"),
        (minimal("correction", fields={"day": COMMON["day"], "case": None}), "format", "null|NoneType"),
        (minimal("correction", fields={"day": COMMON["day"], "target": 1.5}), "format", "float"),
        (minimal("correction", fields={"day": COMMON["day"], "target": 2**64 - 1}), "format", "fields"),
    ],
)  # fmt: skip
def test_fields_together(event, rule, words):
    refused(event, rule, words)


def test_the_day_of_a_moment_is_local():
    east = HEADER._replace(utc_offset_minutes=480)
    event = minimal("inquiry", day="2026-11-01", time="2026-10-31T16:00:00Z")
    assert decode_event(line(event), east)
    for bad in ({**event, "time": "2026-10-31T15:59:59Z"}, {**event, "time": "2026-11-01T16:00:00Z"}):
        with pytest.raises(RuleError, match="local day"):
            decode_event(line(bad), east)
        assert decode_event(line(bad), HEADER)  # without the ledger's clock this cannot be judged


# ---- corrections ---------------------------------------------------------------------------------------------


def corrected(target, fields, **changes):
    correction = decode_event(line(minimal("correction", fields=fields, day=fields["day"])), HEADER)
    return decode_corrected(decode_event(line(target), HEADER), correction, **changes)


@pytest.mark.parametrize(
    "event",
    [e for e in ALL if e["type"] not in ("correction", "retraction") and "assertion" not in e],
    ids=lambda e: f"{e['type']}-{len(e)}",
)
def test_a_correction_with_the_same_fields_changes_nothing(event):
    fields = without(event, *(set(COMMON) - {"day"}), "type")
    assert corrected(event, fields) == decode_event(line(event), HEADER)


def test_a_correction_is_judged_by_its_targets_type():
    payment = minimal("payment")
    fields = {"account": "c-2", "amount_minor": 9, "currency": "CNY", "day": "2026-10-30"}
    value = corrected(payment, fields)
    assert (value.account, value.amount_minor, value.day, value.id) == ("c-2", 9, "2026-10-30", COMMON["id"])
    with pytest.raises(FormatError, match="`currency` is missing"):
        corrected(payment, without(fields, "currency"))
    with pytest.raises(RuleError, match="no field 'case'"):
        corrected(payment, {**fields, "case": "x"})
    with pytest.raises(RuleError, match="R5"):
        corrected(minimal("rent"), {"account": "flat.7", "status": "late", "day": "2026-10-30"})
    late_rent = {"account": "flat.7", "status": "late", "day": "2026-10-30", **NOTICE}
    assert corrected(minimal("rent"), late_rent, admission_day="2026-11-01").negative
    with pytest.raises(RuleError, match="R5"):
        corrected(minimal("rent"), late_rent, admission_day="2026-10-31")


def test_a_correction_stays_with_its_citizen_furnisher_and_event():
    correction = decode_event(line(minimal("correction")), HEADER)
    with pytest.raises(RuleError, match="never changes the citizen"):
        decode_corrected(decode_event(line(minimal("payment", citizen="uci:18")), HEADER), correction)
    other = HEADER._replace(furnisher="other.example")
    with pytest.raises(RuleError, match="furnisher of its target"):
        decode_corrected(decode_event(line(minimal("payment", furnisher="other.example")), other), correction)
    for kind in ("correction", "retraction"):
        with pytest.raises(RuleError, match="the event itself"):
            decode_corrected(decode_event(line(minimal(kind)), HEADER), correction)


@pytest.mark.parametrize(
    ("kind", "field", "value", "allowed"),
    [
        ("status", "status", "late", "on_time, late_1, late_30, late_60, late_90, late_120, charged_off"),
        ("account_opened", "class", "loan", "card, overdraft, instalment, mortgage, student, business"),
        ("collection_placed", "notified_by", "fax", "letter, message, email, app, in_person, synthetic"),
        (
            "consent_given",
            "purposes",
            ["any"],
            "account_review, collection, credit_application, regulator, self",
        ),
    ],
)
def test_a_value_outside_of_a_closed_list_is_answered_with_the_list(kind, field, value, allowed):
    detail = refused(minimal(kind, **{field: value}), "format", f"`{field}")
    assert detail.endswith(f"not one of {allowed}")


def test_what_the_sender_wrote_is_quoted_short_and_harmless():
    for value in ("x" * 5000, "\x1b[2J\n"):
        detail = refused(minimal("status", status=value), "format", "`status`: Invalid enum")
        assert len(detail) < 300
        assert detail.isprintable()
    detail = refused(minimal("payment", **{"\n" * 2000: 1}), "R1")
    assert len(detail) < 300
    assert detail.isprintable()


# ---- in bulk -------------------------------------------------------------------------------------------------


def test_the_first_ten_problems_with_their_lines():
    good, bad = line(minimal("payment")), line(minimal("payment", shoe=1))
    decoded, problems = decode_events([good, *[bad] * 20, good], HEADER)
    assert len(decoded) == 1
    assert [p.line for p in problems] == list(range(3, 13))
    assert {p.rule for p in problems} == {"R1"}
    decoded, problems = decode_events([bad, good, b"", good], HEADER)
    assert [p.line for p in problems] == [2, 4]
    assert len(decoded) == 2


def test_what_is_decoded_is_canonical_json():
    for event in ALL:
        assert canonical(line(event)) == event


def test_a_stored_line_that_is_damaged():
    with pytest.raises(FormatError):
        events.decode_stored(line(minimal("payment"))[:-2])


@pytest.mark.parametrize("at", [0, 510, 511, 512, 1023, 1024, 1098])
@pytest.mark.parametrize("damage", ["two on a line", "one over two lines", "another's", "not canonical"])
def test_what_is_wrong_is_found_wherever_it_stands(at, damage):
    """Many lines are decoded some hundreds at a time: nothing passes between two such parts."""
    lines = [line(minimal("payment", account=f"c-{i}")) for i in range(1100)]
    good, problems = decode_events(lines, HEADER)
    assert (len(good), problems) == (1100, [])
    match damage:
        case "two on a line":
            lines[at] += b"\n" + lines[at + 1]
        case "one over two lines":
            lines[at : at + 2] = [lines[at][:60], lines[at][60:]]
        case "another's":
            lines[at] = line(minimal("payment", furnisher="other.example"))
        case "not canonical":
            lines[at] = lines[at].replace(b",", b", ", 1)
    good, problems = decode_events(lines, HEADER)
    assert problems[0].line == at + 2
    assert len(good) + len(problems) == 1100


def test_bulk_decoding_is_fast():
    """A generous limit (the machine is shared): half a million events must not take minutes."""
    lines = [line(minimal("payment", account=f"c-{i}")) for i in range(2000)]
    best_s = 1e9
    for _ in range(5):
        start_s = time.thread_time()
        decode_events(lines, HEADER)
        best_s = min(best_s, time.thread_time() - start_s)
    assert best_s / len(lines) < 40e-6
