"""The tables, as SQLAlchemy sees them. `migrations/` makes them; a test compares the two.

Three kinds of table, and what may be done to each:

- *append-only*, the ledger: INSERT and SELECT only; UPDATE, DELETE and TRUNCATE are refused by trigger and by role;
- *sealed*, what is personal (`event_bodies`, `account_bodies`, `citizen_keys`): only the retention role may delete;
- *working*, what can be rebuilt or is of the moment (`log_edge`, `links`, `sessions`, `seats`, `audits`,
  `challenger_scores`).

The unit of work is the batch: an event is known by (`batch`, `position`), and `placements.first_index + 1 + position` is
its log index, so that sequencing writes one row a batch and none an event.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

metadata = MetaData()


def _table(name: str, *columns: Column[Any]) -> Table:
    return Table(name, metadata, *columns)


def _bytes(name: str, *, primary_key: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, primary_key=primary_key, nullable=False)


def _big(name: str, *, primary_key: bool = False) -> Column[int]:
    return Column(name, BigInteger, primary_key=primary_key, nullable=False)


# Admission: what intake has promised. `id` is drawn from one sequence for batches and notices.
batches = _table(
    "batches",
    _big("id", primary_key=True),
    _bytes("hash"),
    Column("furnisher", Text, nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("event_count", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("receipt", Text, nullable=False),
)
notices = _table("notices", _big("id", primary_key=True), _bytes("payload"))
furnishers = _table(
    "furnishers", Column("id", Integer, primary_key=True), Column("name", Text, nullable=False)
)
events = _table(
    "events",
    _big("batch", primary_key=True),
    Column("position", Integer, primary_key=True),
    _big("citizen"),
    Column("furnisher", Integer, nullable=False),
    Column("event_id", Uuid, nullable=False),
    _bytes("commitment"),
)
event_bodies = _table(
    "event_bodies",
    _big("batch", primary_key=True),
    Column("position", Integer, primary_key=True),
    _bytes("sealed"),
)

# People. A citizen is a VRF output; who that is stands only in sealed bodies.
citizens = _table("citizens", _big("id", primary_key=True), _bytes("key"), _bytes("vrf_proof"))
citizen_keys = _table("citizen_keys", _big("citizen", primary_key=True), _bytes("wrapped"))

# The log.
placements = _table("placements", _big("admission", primary_key=True), _big("first_index"), _big("block"))
tiles = _table(
    "tiles",
    Column("level", SmallInteger, primary_key=True),
    _big("tile_index", primary_key=True),
    _bytes("data"),
)
log_edge = _table(
    "log_edge", Column("level", SmallInteger, primary_key=True), _big("tile_index"), _bytes("data")
)
blocks = _table(
    "blocks",
    _big("number", primary_key=True),
    _big("tree_size"),
    _bytes("root"),
    _bytes("entry"),
    Column("checkpoint", Text, nullable=False),
)
publications = _table(
    "publications", _big("block", primary_key=True), Column("checkpoint", Text, nullable=False)
)
cosignatures = _table(
    "cosignatures",
    _big("block", primary_key=True),
    Column("witness", Text, primary_key=True),
    _big("key_id", primary_key=True),
    _bytes("signature"),
)
shown = _table("shown", Column("one", SmallInteger, primary_key=True), _big("block"))
documents = _table("documents", _bytes("hash", primary_key=True), _bytes("body"))

# Accounts: a version a block that changed them; the newest up to block n is the leaf at block n.
accounts = _table(
    "accounts",
    _big("citizen", primary_key=True),
    _big("block", primary_key=True),
    _bytes("value"),
    Column("until", Date, nullable=False),
)
account_bodies = _table(
    "account_bodies", _big("citizen", primary_key=True), _big("block", primary_key=True), _bytes("sealed")
)
trie_tiles = _table(
    "trie_tiles",
    Column("depth", SmallInteger, primary_key=True),
    _bytes("prefix", primary_key=True),
    _big("block", primary_key=True),
    _bytes("data"),
)

# Pages.
links = _table(
    "links",
    _bytes("token_hash", primary_key=True),
    _big("citizen"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("used_at", DateTime(timezone=True)),
    Column("sealed", LargeBinary),
)
sessions = _table(
    "sessions",
    _bytes("token_hash", primary_key=True),
    _big("citizen"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("id", Uuid, nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False),
    Column("sealed", LargeBinary),
    Column("passkey", LargeBinary),
)
# What a citizen is about to sign, for ten minutes; challenges of sign-ins, each for one.
drafts = _table(
    "drafts",
    _bytes("id", primary_key=True),
    _bytes("session"),
    _big("citizen"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    _bytes("sealed"),
)
challenges = _table(
    "challenges",
    _bytes("challenge", primary_key=True),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

# People at organisations, by what they are called; their one-time links and sessions by the hashes of tokens.
seats = _table(
    "seats",
    _big("id", primary_key=True),
    Column("organisation", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
)
seat_links = _table(
    "seat_links",
    _bytes("token_hash", primary_key=True),
    _big("seat"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
seat_sessions = _table(
    "seat_sessions",
    _big("id", primary_key=True),
    _bytes("token_hash"),
    _big("seat"),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

# What one officer proposed, and what another decided; nothing personal.
proposals = _table(
    "proposals",
    _big("id", primary_key=True),
    _bytes("body"),
    _big("seat"),
    Column("proposed_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)
decisions = _table(
    "decisions",
    _big("proposal", primary_key=True),
    _big("seat"),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
)

# Cases for a person; what was written in them is sealed under the citizen's data key.
cases = _table(
    "cases",
    _big("id", primary_key=True),
    _big("citizen"),
    Column("about", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("seat", BigInteger),
    Column("looked_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
)
case_texts = _table(
    "case_texts",
    _big("id", primary_key=True),
    _big("case"),
    _big("citizen"),
    Column("author", Text, nullable=False),
    Column("written_at", DateTime(timezone=True), nullable=False),
    _bytes("sealed"),
)

# Mixed files that are being split: the entries, and whose they are, sealed under the data key of the file's citizen.
splits = _table(
    "splits",
    _big("id", primary_key=True),
    _big("case"),
    _big("citizen"),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    _bytes("sealed"),
)
split_items = _table(
    "split_items",
    _big("split", primary_key=True),
    _big("item", primary_key=True),
    Column("furnisher", Text, nullable=False),
)

# What staff did for citizens by hand: numbers of papers, nothing personal.
staff_acts = _table(
    "staff_acts",
    _big("id", primary_key=True),
    _big("seat"),
    Column("acted_at", DateTime(timezone=True), nullable=False),
    Column("act", Text, nullable=False),
    Column("ref", Text, nullable=False),
)

# Lines of batches that were refused lately, for their furnishers; nothing of what a batch said.
refused_lines = _table(
    "refused_lines",
    _big("id", primary_key=True),
    Column("furnisher", Text, nullable=False),
    Column("refused_at", DateTime(timezone=True), nullable=False),
    Column("batch_id", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Column("rule", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# Regulators: who may read all of it for an hour, by the hash of a token; a note opens one audit.
audits = _table(
    "audits",
    _bytes("token_hash", primary_key=True),
    _bytes("note_hash"),
    Column("regulator", Text, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

# What a challenger card makes of an account version; sealed under the citizen's data key, and no part of the ledger.
challenger_scores = _table(
    "challenger_scores",
    _bytes("scorecard", primary_key=True),
    _big("citizen", primary_key=True),
    _big("block"),
    _bytes("sealed"),
)

# Letters of adverse action (R38): that a bank asked for one, and about which answer; what it says is made from the ledger.
letters = _table(
    "letters",
    _big("number", primary_key=True),
    Column("bank", Text, nullable=False),
    _big("citizen"),
    Column("answer", Uuid, nullable=False),
    Column("note", Text, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
)

# Figures: counts a furnisher and quarter, and reports as they were made (canonical JSON).
furnisher_counts = _table(
    "furnisher_counts",
    Column("furnisher", Text, primary_key=True),
    Column("quarter", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    _big("count"),
)
reports = _table(
    "reports",
    Column("kind", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("scorecard", Text, primary_key=True),
    Column("made_at", DateTime(timezone=True), nullable=False),
    Column("body", Text, nullable=False),
)

# Watches: a bank is told when a score crosses one of its lines; and the messages about them, sealed until they have arrived.
watches = _table(
    "watches",
    _big("number", primary_key=True),
    Column("bank", Text, nullable=False),
    _big("citizen"),
    Column("lines", ARRAY(SmallInteger), nullable=False),
    Column("url", Text, nullable=False),
    _big("seen"),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_why", Text),
)
webhooks = _table(
    "webhooks",
    Column("id", Text, primary_key=True),
    _big("watch"),
    _big("citizen"),
    Column("sealed", LargeBinary),
    Column("attempts", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("outcome", Text),
)

# Citizen keys by a keyed hash of the identifier, each sealed under a key of that identifier (app.core.state.recall).
recalled_keys = _table(
    "recalled_keys",
    _bytes("tag", primary_key=True),
    _bytes("sealed"),
)

# Banks that got wrong data: told when they ask (R27). Numbers are in the order of commits.
correction_messages = _table(
    "correction_messages",
    _big("number", primary_key=True),
    Column("bank", Text, nullable=False),
    _big("citizen"),
    _big("item"),
)

# The clock of disputes: which item of whom, until when its furnisher has to answer, how it ended. The events say the rest.
disputes = _table(
    "disputes",
    _big("number", primary_key=True),
    _big("citizen"),
    _big("item"),
    Column("furnisher", Text, nullable=False),
    Column("filed_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("extended", Boolean, nullable=False),
    Column("closed_on", Date),
    Column("outcome", Text),
    Column("reinserted_on", Date),
)
# What citizens hand in: drafts of disputes, sealed under the citizen's data key; and files, each under a key of its own,
# which is sealed under the data key. A file goes with its key: who deletes deletes keys.
dispute_drafts = _table(
    "dispute_drafts",
    _big("citizen", primary_key=True),
    _big("item", primary_key=True),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    _bytes("sealed"),
)
evidence = _table(
    "evidence",
    _big("number", primary_key=True),
    _big("citizen"),
    _big("item"),
    Column("stored_at", DateTime(timezone=True), nullable=False),
    Column("bundle", LargeBinary),
    Column("filed", Boolean, nullable=False),
    _bytes("body"),
)
evidence_keys = _table(
    "evidence_keys", _big("number", primary_key=True), _big("citizen"), _big("item"), _bytes("sealed")
)

# The clock of erasures: from when on one is to be carried out, and how it ended. The events say the rest.
erasures = _table(
    "erasures",
    _big("number", primary_key=True),
    _big("citizen"),
    Column("asked_on", Date, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("ended_on", Date),
    Column("outcome", Text),
)
# Who a citizen is of whom nothing can be read any more: sealed under the data key.
identifiers = _table("identifiers", _big("citizen", primary_key=True), _bytes("sealed"))

# What the scheduler ran last.
scheduled_jobs = _table(
    "scheduled_jobs",
    Column("job", Text, primary_key=True),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("succeeded_at", DateTime(timezone=True)),
    Column("failures", Integer, nullable=False),
    _big("done"),
    Column("failed_for", Integer, nullable=False),
)

# News for citizens: up to where each has read them, to whom mail goes (sealed under the citizen's data key), and up to which
# block everybody was looked at.
alerts_read = _table("alerts_read", _big("citizen", primary_key=True), _big("log_index"))
mail_addresses = _table(
    "mail_addresses",
    _big("citizen", primary_key=True),
    _bytes("sealed"),
    Column("is_confirmed", Boolean, nullable=False),
    _big("told_index"),
    Column("is_due", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("retry_at", DateTime(timezone=True)),
)
alert_cursor = _table("alert_cursor", Column("one", SmallInteger, primary_key=True), _big("block"))

# Ranges of their score that citizens show to somebody, sealed under the citizen's data key; the hash of the link's token.
shares = _table(
    "shares",
    _bytes("id", primary_key=True),
    _big("citizen"),
    _bytes("sealed"),
    Column("token_hash", LargeBinary),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    Column("opened", Integer, nullable=False),
    Column("opened_at", DateTime(timezone=True)),
)

# Organisations that ask for a key's registration, and what the staff did about it; the newest step counts.
applications = _table(
    "applications",
    _big("id", primary_key=True),
    _bytes("reference_hash"),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("vkey", Text, nullable=False),
    Column("possession", Text, nullable=False),
    _bytes("sealed"),
    Column("received_at", DateTime(timezone=True), nullable=False),
)
application_steps = _table(
    "application_steps",
    _big("id", primary_key=True),
    _big("application"),
    _big("seat"),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proposal", BigInteger),
)

LEDGER = (
    batches, notices, furnishers, events, citizens, placements, tiles, blocks, publications, cosignatures, documents,
    accounts, trie_tiles,
)  # fmt: skip
APPEND_ONLY = (*LEDGER, proposals, decisions, staff_acts)
SEALED = (event_bodies, account_bodies, citizen_keys)
WORKING = (
    letters, drafts, challenges, watches, webhooks, furnisher_counts, reports,
    log_edge, links, sessions, seats, seat_links, seat_sessions, audits, challenger_scores, recalled_keys,
    correction_messages, shown, scheduled_jobs, erasures, identifiers, disputes, dispute_drafts, evidence,
    evidence_keys,
    cases, case_texts, alerts_read, mail_addresses, alert_cursor, shares,
    applications, application_steps,
    refused_lines, splits, split_items,
)  # fmt: skip
# What is destroyed or ended one by one, and so must not be in old backups (R14): in the key backups alone, which are kept for
# 30 days at most (docs/operations.md). Files of evidence open with their keys.
SHORT_LIVED = (citizen_keys, evidence_keys, drafts, dispute_drafts, mail_addresses, shares)
