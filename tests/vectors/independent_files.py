"""The folded file of docs/formats.md section 8, made a second time: from the document alone, with the standard library.

Everything is looked at at once, and nothing is joined: what the document calls the latest, the worst or the earliest is
picked out of all events. Events come as [log index, line], the whole history of one citizen.
"""

from __future__ import annotations

import json

BUSINESS = {"account_opened", "account_closed", "statement", "payment", "status"}
COMMUNITY = {"rent", "utility", "telecom"}
PLACED = {
    "court_debt": "court_debt",
    "insolvency": "insolvency",
    "arrears": "arrears",
    "collection_placed": "collection",
}
SETTLED = {
    "court_debt_settled": "court_debt", "insolvency_discharged": "insolvency",
    "arrears_paid": "arrears", "collection_settled": "collection",
}  # fmt: skip
REPAIRS = {"correction", "retraction", "dispute_opened", "dispute_closed"}
STATUS = {
    "on_time": "0",
    "late_1": "1",
    "late_30": "2",
    "late_60": "3",
    "late_90": "4",
    "late_120": "5",
    "charged_off": "6",
}
COMMUNITY_STATUS = {"on_time": "0", "late": "1", "settled": "2"}
ORDER = "-.0123456"
COMMON = ("v", "ledger", "furnisher", "id", "type", "citizen", "nonce")


def month(day):
    return 12 * int(day[:4]) + int(day[5:7])


def folded(log):
    """The canonical text of the file."""
    log = sorted(((index, json.loads(line)) for index, line in log), key=lambda item: item[0])
    counting, doubtful, disputed = standing(log)
    known = counting + doubtful
    file = {
        "accounts": accounts(counting, doubtful),
        "community": community(counting, doubtful),
        "records": records(counting, doubtful),
        "consents": consents(counting),
        "passkeys": passkeys(counting),
        "freezes": sorted(
            [e["day"], i, int(e["type"] == "freeze"), e.get("grantee", ""), e.get("until", "")]
            for i, e in counting
            if e["type"] in {"freeze", "thaw"}
        ),
        "inquiries": inquiries(counting),
        "disputed": disputed,
        "repaired": any(e["type"] in REPAIRS for _, e in log),
        "reported": max((month(e["day"]) for _, e in known if e["type"] in BUSINESS | COMMUNITY), default=0),
    }
    return json.dumps(told(file), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def told(fields):
    """Without what is empty or unknown."""
    return {name: value for name, value in fields.items() if value not in (None, 0, False, [], {}, "")}


# ---- repairs


def standing(log):
    """(what counts, what is in doubt, how many are in dispute), each as it stands."""
    by_index = dict(log)
    retractions = {i for i, e in log if e["type"] == "retraction"}
    retracted = {by_index[i]["target"] for i in retractions} - retractions
    corrections, open_, out = {}, set(), {}

    def item(target):
        found = by_index.get(target)
        return found["target"] if found is not None and found["type"] == "correction" else target

    for index, event in log:
        if index in retracted:
            continue
        if event["type"] == "correction":
            corrections[event["target"]] = event["fields"]
            if event["fields"].get("notified_on", "") >= out.get(event["target"], "9999"):
                del out[event["target"]]
        elif event["type"] == "dispute_opened":
            open_.add(item(event["target"]))
        elif event["type"] == "dispute_closed":
            about = item(event["target"])
            if about in open_ and event["outcome"] in {"deadline", "unverifiable"}:
                out.setdefault(about, event["day"])
            open_.discard(about)
    counting, doubtful, disputed = [], [], 0
    for index, event in log:
        if event["type"] in REPAIRS or index in retracted:
            continue
        stands = event
        if index in corrections:
            stands = {name: event[name] for name in COMMON} | corrections[index]
        helps = stands["type"] in {"payment", *SETTLED} or stands.get("status") == "on_time"
        taken_out = index in out and not helps
        disputed += index in open_ and not taken_out
        (doubtful if (index in open_ or taken_out) and not helps else counting).append((index, stands))
    return counting, doubtful, disputed


# ---- lists of months


def newest_months(by_month, kept):
    """Those of the newest so many months, counted back from the newest."""
    return {m: row for m, row in by_month.items() if m > max(by_month) - kept}


def codes(events, doubtful, table):
    """[first month, a character a month] of status or community events; None when there is none."""
    by_month = {}
    reported = [(e, table[e["status"]]) for _, e in events] + [(e, ".") for _, e in doubtful]
    for event, code in reported:
        at = month(event["day"])
        by_month[at] = max(by_month.get(at, "-"), code, key=ORDER.index)
    if not by_month:
        return None
    kept = newest_months(by_month, 120)
    return [min(kept), "".join(kept.get(m, "-") for m in range(min(kept), max(kept) + 1))]


def grouped(events, name_of):
    """Name -> its events, of each furnisher the first 200 names."""
    groups = {}
    for index, event in events:
        groups.setdefault((event["furnisher"], name_of(event)), []).append((index, event))
    kept = {}
    for furnisher in {f for f, _ in groups}:
        for name in sorted(n for f, n in groups if f == furnisher)[:200]:
            kept[f"{furnisher}:{name}"] = groups[furnisher, name]
    return kept


def of_types(events, types):
    return [(i, e) for i, e in events if e["type"] in types]


def latest(events):
    """The latest by (day, log index)."""
    return max(events, key=lambda item: (item[1]["day"], item[0]), default=None)


# ---- accounts, community, records


def accounts(counting, doubtful):
    doubts = {id(e) for _, e in doubtful}
    named = grouped(of_types(counting + doubtful, BUSINESS), lambda event: event["account"])
    return {
        name: account(
            [p for p in events if id(p[1]) not in doubts], [p for p in events if id(p[1]) in doubts]
        )
        for name, events in named.items()
    }


def account(counting, doubtful):
    fields = {"first": min(month(e["day"]) for _, e in counting + doubtful)}
    fields["currency"] = min((e["currency"] for _, e in counting if "currency" in e), default=None)
    fields["closed_on"] = min((e["day"] for _, e in of_types(counting, {"account_closed"})), default=None)
    opening = latest(of_types(counting, {"account_opened"}))
    if opening:
        index, event = opening
        fields |= {
            "opened_at": [event["day"], index],
            "class": event["class"],
            "opened_on": event.get("opened_on"),
        }
    fields["opened_in_doubt"] = min((e["opened_on"] for _, e in doubtful if e.get("opened_on")), default=None)
    limit = latest((i, e) for i, e in counting if e.get("limit_minor") is not None)
    statements, paid, late = {}, {}, {}
    for index, event in of_types(counting, {"statement"}):
        statements.setdefault(month(event["day"]), []).append((index, event))
    for _, event in of_types(counting, {"payment"}):
        at = month(event["day"])
        paid[at] = min(paid.get(at, 0) + event["amount_minor"], 2**53 - 1)
    told_status = of_types(counting, {"status"})
    fields["status"] = codes(told_status, of_types(doubtful, {"status"}), STATUS)
    for _, event in told_status:
        if event["status"] != "on_time" and month(event["day"]) >= fields["status"][0]:
            late.setdefault(month(event["day"]), []).append(event)
    fields["statements"] = [
        [m, e["day"], i, e["balance_minor"], e.get("limit_minor", -1), e.get("minimum_minor", -1)]
        for m, (i, e) in sorted((m, latest(rows)) for m, rows in newest_months(statements, 24).items())
    ]
    fields["paid"] = [[m, amount] for m, amount in sorted(newest_months(paid, 24).items())]
    fields["late"] = [
        [m, min(e["first_delinquent_on"] for e in rows), max(e["day"] for e in rows)]
        for m, rows in sorted(late.items())
    ]
    fields = told(fields)
    if limit:  # also one of 0
        fields |= {"limit_minor": limit[1]["limit_minor"], "limit_at": [limit[1]["day"], limit[0]]}
    return fields


def community(counting, doubtful):
    doubts = {id(e) for _, e in doubtful}
    named = grouped(
        of_types(counting + doubtful, COMMUNITY), lambda event: f"{event['type']}:{event['account']}"
    )
    return {
        name: codes(
            [p for p in events if id(p[1]) not in doubts],
            [p for p in events if id(p[1]) in doubts],
            COMMUNITY_STATUS,
        )
        for name, events in named.items()
    }


def records(counting, doubtful):
    doubts = {id(e) for _, e in doubtful}
    kinds = PLACED | SETTLED
    found = {}
    named = grouped(
        of_types(counting + doubtful, kinds), lambda event: f"{kinds[event['type']]}:{event['case']}"
    )
    for name, events in named.items():
        told_of = [e for _, e in events if id(e) not in doubts]
        group = name.split(":")[1]
        kind = group if told_of else None
        if group == "arrears":
            kind = min((e["kind"] for e in told_of if e["type"] == "arrears"), default=None)
        found[name] = told({
            "kind": kind,
            "placed": min((e["day"] for e in told_of if e["type"] in PLACED), default=None),
            "settled": min((e["day"] for e in told_of if e["type"] in SETTLED), default=None),
        })  # fmt: skip
    return found


# ---- access


def inquiries(counting):
    rows = sorted(
        [e["day"], e.get("class", "card"), i]
        for i, e in counting
        if e["type"] == "answer" and e["purpose"] == "credit_application"
    )
    return [row for row in rows if month(row[0]) > month(rows[-1][0]) - 25][-400:]


def consents(counting):
    found = {}
    for _, event in of_types(counting, {"consent_given"}):
        terms = (event["day"], event["until"], event["grantee"], event["purposes"])
        found[event["id"]] = min(found.get(event["id"], terms), terms)
    made = {
        name: dict(zip(("from", "until", "grantee", "purposes"), terms, strict=True))
        for name, terms in found.items()
    }
    return ended(made, of_types(counting, {"consent_withdrawn"}), "consent", "withdrawn")


def passkeys(counting):
    found = {}
    for _, event in of_types(counting, {"passkey_added"}):
        terms = (event["day"], event["public_key"])
        found[event["credential"]] = min(found.get(event["credential"], terms), terms)
    made = {name: dict(zip(("added", "public_key"), terms, strict=True)) for name, terms in found.items()}
    return ended(made, of_types(counting, {"passkey_removed"}), "credential", "removed")


def ended(made, endings, name, field):
    """With the earliest end of each, also of what has not begun; the first 1,000 names."""
    for _, event in endings:
        one = made.setdefault(event[name], {})
        one[field] = min(one.get(field, event["day"]), event["day"])
    return {key: made[key] for key in sorted(made)[:1000]}
