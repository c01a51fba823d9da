"""Beside the ledger, for citizens: sessions and drafts, disputes and erasures, news, shares, cases."""

from __future__ import annotations

from app.db.schema.columns import big, day, flag, integer, moment, octets, small, text, uuid, working

# How citizens get to their pages: one-time links, and sessions.
working(
    "links",
    octets("token_hash", key=True),
    big("citizen"),
    moment("expires_at"),
    moment("used_at", null=True),
    octets("sealed", null=True),
)
working(
    "sessions",
    octets("token_hash", key=True),
    big("citizen"),
    moment("expires_at"),
    uuid("id"),
    moment("begun_at"),
    octets("sealed", null=True),
    octets("passkey", null=True),
)

# What a citizen is about to sign, for ten minutes; challenges of sign-ins, each for one.
working(
    "drafts",
    octets("id", key=True),
    octets("session"),
    big("citizen"),
    moment("expires_at"),
    octets("sealed"),
    short_lived=True,
)
working("challenges", octets("challenge", key=True), moment("expires_at"))

# The clock of disputes: which item of whom, until when its furnisher has to answer, how it ended. The events say the rest.
working(
    "disputes",
    big("number", key=True),
    big("citizen"),
    big("item"),
    text("furnisher"),
    day("filed_on"),
    day("due_on"),
    flag("extended"),
    day("closed_on", null=True),
    text("outcome", null=True),
    day("reinserted_on", null=True),
)

# What citizens hand in: drafts of disputes, sealed under the citizen's data key; and files, each under a key of its own,
# which is sealed under the data key. A file goes with its key: who deletes deletes keys.
working(
    "dispute_drafts",
    big("citizen", key=True),
    big("item", key=True),
    moment("changed_at"),
    octets("sealed"),
    short_lived=True,
)
working(
    "evidence",
    big("number", key=True),
    big("citizen"),
    big("item"),
    moment("stored_at"),
    octets("bundle", null=True),
    flag("filed"),
    octets("body"),
)
working(
    "evidence_keys", big("number", key=True), big("citizen"), big("item"), octets("sealed"), short_lived=True
)

# The clock of erasures: from when on one is to be carried out, and how it ended. The events say the rest.
working(
    "erasures",
    big("number", key=True),
    big("citizen"),
    day("asked_on"),
    day("due_on"),
    day("ended_on", null=True),
    text("outcome", null=True),
)

# News for citizens: up to where each has read them, to whom mail goes (sealed under the citizen's data key), and up to which
# block everybody was looked at.
working("alerts_read", big("citizen", key=True), big("log_index"))
working(
    "mail_addresses",
    big("citizen", key=True),
    octets("sealed"),
    flag("is_confirmed"),
    big("told_index"),
    flag("is_due"),
    integer("failures"),
    moment("retry_at", null=True),
    short_lived=True,
)
working("alert_cursor", small("one", key=True), big("block"))

# Ranges of their score that citizens show to somebody, sealed under the citizen's data key; the hash of the link's token.
working(
    "shares",
    octets("id", key=True),
    big("citizen"),
    octets("sealed"),
    octets("token_hash", null=True),
    moment("expires_at"),
    integer("opened"),
    moment("opened_at", null=True),
    short_lived=True,
)

# Cases for a person; what was written in them is sealed under the citizen's data key.
working(
    "cases",
    big("id", key=True),
    big("citizen"),
    text("about"),
    moment("opened_at"),
    big("seat", null=True),
    moment("looked_at", null=True),
    moment("closed_at", null=True),
)
working(
    "case_texts",
    big("id", key=True),
    big("case"),
    big("citizen"),
    text("author"),
    moment("written_at"),
    octets("sealed"),
)

# Mixed files that are being split: the entries, and whose they are, sealed under the data key of the file's citizen.
working("splits", big("id", key=True), big("case"), big("citizen"), moment("opened_at"), octets("sealed"))
working("split_items", big("split", key=True), big("item", key=True), text("furnisher"))
