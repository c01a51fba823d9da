"""Beside the ledger, for organisations and the staff: seats, decisions, applications, what banks and furnishers are told,
figures.
"""

from __future__ import annotations

from app.db.schema.columns import append_only, big, integer, moment, octets, smalls, text, uuid, working

# People at organisations, by what they are called; their one-time links and sessions by the hashes of tokens.
working(
    "seats",
    big("id", key=True),
    text("organisation"),
    text("role"),
    text("label"),
    moment("created_at"),
    moment("ended_at", null=True),
)
working("seat_links", octets("token_hash", key=True), big("seat"), moment("expires_at"))
working(
    "seat_sessions",
    big("id", key=True),
    octets("token_hash"),
    big("seat"),
    moment("created_at"),
    moment("seen_at"),
    moment("expires_at"),
)

# What one officer proposed, and what another decided; nothing personal.
append_only(
    "proposals", big("id", key=True), octets("body"), big("seat"), moment("proposed_at"), moment("expires_at")
)
append_only("decisions", big("proposal", key=True), big("seat"), moment("decided_at"), text("outcome"))

# What staff did for citizens by hand: numbers of papers, nothing personal.
append_only("staff_acts", big("id", key=True), big("seat"), moment("acted_at"), text("act"), text("ref"))

# Organisations that ask for a key's registration, and what the staff did about it; the newest step counts.
working(
    "applications",
    big("id", key=True),
    octets("reference_hash"),
    text("name"),
    text("role"),
    text("vkey"),
    text("possession"),
    octets("sealed"),
    moment("received_at"),
)
working(
    "application_steps",
    big("id", key=True),
    big("application"),
    big("seat"),
    moment("at"),
    text("outcome"),
    text("reason"),
    big("proposal", null=True),
)

# Lines of batches that were refused lately, for their furnishers; nothing of what a batch said.
working(
    "refused_lines",
    big("id", key=True),
    text("furnisher"),
    moment("refused_at"),
    text("batch_id"),
    integer("line"),
    text("rule"),
    text("detail"),
)

# Banks that got wrong data: told when they ask (R27). Numbers are in the order of commits.
working("correction_messages", big("number", key=True), text("bank"), big("citizen"), big("item"))

# Letters of adverse action (R38): that a bank asked for one, and about which answer; what it says is made from the ledger.
working(
    "letters",
    big("number", key=True),
    text("bank"),
    big("citizen"),
    uuid("answer"),
    text("note"),
    moment("requested_at"),
)

# Watches: a bank is told when a score crosses one of its lines; and the messages about them, sealed until they have arrived.
working(
    "watches",
    big("number", key=True),
    text("bank"),
    big("citizen"),
    smalls("lines"),
    text("url"),
    big("seen"),
    moment("since"),
    moment("ended_at", null=True),
    text("ended_why", null=True),
)
working(
    "webhooks",
    text("id", key=True),
    big("watch"),
    big("citizen"),
    octets("sealed", null=True),
    integer("attempts"),
    moment("due_at", null=True),
    text("outcome", null=True),
)

# Regulators: who may read all of it for an hour, by the hash of a token; a note opens one audit.
working(
    "audits", octets("token_hash", key=True), octets("note_hash"), text("regulator"), moment("expires_at")
)

# Figures: counts a furnisher and quarter, and reports as they were made (canonical JSON).
working(
    "furnisher_counts",
    text("furnisher", key=True),
    text("quarter", key=True),
    text("name", key=True),
    big("count"),
)
working(
    "reports",
    text("kind", key=True),
    text("period", key=True),
    text("scorecard", key=True),
    moment("made_at"),
    text("body"),
)
