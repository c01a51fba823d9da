"""The ledger: what was admitted, the log, accounts and their trie; what is sealed, and the little that work on it needs."""

from __future__ import annotations

from app.db.schema.columns import (
    append_only,
    big,
    day,
    integer,
    ledger,
    moment,
    octets,
    sealed,
    small,
    text,
    uuid,
    working,
)

# Admission: what intake has promised. `id` is drawn from one sequence for batches and notices.
ledger(
    "batches",
    big("id", key=True),
    octets("hash"),
    text("furnisher"),
    text("batch_id"),
    integer("event_count"),
    text("note"),
    text("receipt"),
)
ledger("notices", big("id", key=True), octets("payload"))
ledger("furnishers", integer("id", key=True), text("name"))
ledger(
    "events",
    big("batch", key=True),
    integer("position", key=True),
    big("citizen"),
    integer("furnisher"),
    uuid("event_id"),
    octets("commitment"),
)
sealed("event_bodies", big("batch", key=True), integer("position", key=True), octets("sealed"))

# People. A citizen is a tag from the first batch on, and a VRF output from the first block on; who that is stands only in
# sealed bodies.
ledger("enrolments", big("citizen", key=True), octets("tag"))
ledger("citizens", big("id", key=True), octets("key"), octets("vrf_proof"))
sealed("citizen_keys", big("citizen", key=True), octets("wrapped"), short_lived=True)

# The log.
ledger("placements", big("admission", key=True), big("first_index"), big("block"))
ledger("tiles", small("level", key=True), big("tile_index", key=True), octets("data"))
working("log_edge", small("level", key=True), big("tile_index"), octets("data"))
ledger(
    "blocks", big("number", key=True), big("tree_size"), octets("root"), octets("entry"), text("checkpoint")
)
ledger("publications", big("block", key=True), text("checkpoint"))
ledger(
    "cosignatures",
    big("block", key=True),
    text("witness", key=True),
    big("key_id", key=True),
    octets("signature"),
)
working("shown", small("one", key=True), big("block"))
append_only("settled", big("block", key=True), big("admission"))
ledger("documents", octets("hash", key=True), octets("body"))

# Accounts: a version a block that changed them; the newest up to block n is the leaf at block n.
ledger("accounts", big("citizen", key=True), big("block", key=True), octets("value"), day("until"))
sealed("account_bodies", big("citizen", key=True), big("block", key=True), octets("sealed"))
ledger(
    "trie_tiles", small("depth", key=True), octets("prefix", key=True), big("block", key=True), octets("data")
)

# Who a citizen is of whom nothing can be read any more: sealed under the data key.
working("identifiers", big("citizen", key=True), octets("sealed"))

# What a challenger card makes of an account version; sealed under the citizen's data key, and no part of the ledger.
working(
    "challenger_scores",
    octets("scorecard", key=True),
    big("citizen", key=True),
    big("block"),
    octets("sealed"),
)

# What the scheduler ran last.
working(
    "scheduled_jobs",
    text("job", key=True),
    moment("started_at"),
    moment("succeeded_at", null=True),
    integer("failures"),
    big("done"),
    integer("failed_for"),
)
