"""The ledger: admission, people, log, accounts, pages.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE SEQUENCE admission AS bigint;
CREATE TABLE batches (
    id bigint PRIMARY KEY, hash bytea NOT NULL UNIQUE, furnisher text NOT NULL, batch_id text NOT NULL,
    event_count integer NOT NULL, note text NOT NULL, receipt text NOT NULL, UNIQUE (furnisher, batch_id));
CREATE TABLE notices (id bigint PRIMARY KEY, payload bytea NOT NULL);
CREATE TABLE furnishers (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE events (
    batch bigint NOT NULL, position integer NOT NULL, citizen bigint NOT NULL, furnisher integer NOT NULL,
    event_id uuid NOT NULL, commitment bytea NOT NULL, PRIMARY KEY (batch, position));
CREATE UNIQUE INDEX events_once ON events (furnisher, event_id);
CREATE INDEX events_by_citizen ON events (citizen, batch, position);
CREATE TABLE event_bodies (
    batch bigint NOT NULL, position integer NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (batch, position));
CREATE TABLE citizens (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key bytea NOT NULL UNIQUE,
    vrf_proof bytea NOT NULL);
CREATE TABLE citizen_keys (citizen bigint PRIMARY KEY, wrapped bytea NOT NULL);
CREATE TABLE placements (admission bigint PRIMARY KEY, first_index bigint NOT NULL UNIQUE, block bigint NOT NULL);
CREATE INDEX placements_by_block ON placements (block);
CREATE TABLE tiles (
    level smallint NOT NULL, tile_index bigint NOT NULL, data bytea NOT NULL, PRIMARY KEY (level, tile_index));
CREATE TABLE log_edge (level smallint PRIMARY KEY, tile_index bigint NOT NULL, data bytea NOT NULL);
CREATE TABLE blocks (
    number bigint PRIMARY KEY, tree_size bigint NOT NULL UNIQUE, root bytea NOT NULL, entry bytea NOT NULL,
    checkpoint text NOT NULL);
CREATE TABLE publications (block bigint PRIMARY KEY, checkpoint text NOT NULL);
CREATE TABLE documents (hash bytea PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE accounts (
    citizen bigint NOT NULL, block bigint NOT NULL, value bytea NOT NULL, until date NOT NULL,
    PRIMARY KEY (citizen, block));
CREATE TABLE account_bodies (
    citizen bigint NOT NULL, block bigint NOT NULL, sealed bytea NOT NULL, PRIMARY KEY (citizen, block));
CREATE TABLE trie_tiles (
    depth smallint NOT NULL, prefix bytea NOT NULL, block bigint NOT NULL, data bytea NOT NULL,
    PRIMARY KEY (depth, prefix, block));
CREATE TABLE links (
    token_hash bytea PRIMARY KEY, citizen bigint NOT NULL, expires_at timestamptz NOT NULL, used_at timestamptz);
CREATE TABLE sessions (token_hash bytea PRIMARY KEY, citizen bigint NOT NULL, expires_at timestamptz NOT NULL);
ALTER TABLE tiles ALTER data SET STORAGE EXTERNAL;
ALTER TABLE event_bodies ALTER sealed SET STORAGE EXTERNAL;
ALTER TABLE account_bodies ALTER sealed SET STORAGE EXTERNAL;
"""

APPEND_ONLY = (
    "batches", "notices", "furnishers", "events", "citizens", "placements", "tiles", "blocks", "publications",
    "documents", "accounts", "trie_tiles",
)  # fmt: skip
SEALED = ("event_bodies", "account_bodies", "citizen_keys")
WORKING = ("log_edge", "links", "sessions")

# Roles belong to the cluster, not to the database: several ledgers on one server share them.
ROLES = """
DO $$ BEGIN
    PERFORM pg_advisory_xact_lock(4871170001);
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'credence_app') THEN CREATE ROLE credence_app NOLOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'credence_retention') THEN
        CREATE ROLE credence_retention NOLOGIN; END IF;
    IF NOT pg_has_role(current_user, 'credence_app', 'MEMBER') THEN GRANT credence_app TO CURRENT_USER; END IF;
    IF NOT pg_has_role(current_user, 'credence_retention', 'MEMBER') THEN
        GRANT credence_retention TO CURRENT_USER; END IF;
END $$;
"""

REFUSE = """
CREATE FUNCTION credence_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'CR001';
END $$;
CREATE FUNCTION credence_retention_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'credence_retention' THEN RETURN OLD; END IF;
    RAISE EXCEPTION 'sealed data: % on % is only for retention', TG_OP, TG_TABLE_NAME USING ERRCODE = 'CR002';
END $$;
"""


def upgrade() -> None:
    """Make the tables, then take away what nobody may do to them."""
    op.execute(TABLES)
    op.execute(ROLES)
    op.execute(REFUSE)
    op.execute("GRANT USAGE ON SEQUENCE admission TO credence_app")
    op.execute("GRANT SELECT ON alembic_version TO credence_app")  # /readyz compares it
    for table in (*APPEND_ONLY, *SEALED):
        guard = "credence_append_only" if table in APPEND_ONLY else "credence_retention_only"
        op.execute(
            f"CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {guard}();"
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {guard}();"
            f"GRANT SELECT, INSERT ON {table} TO credence_app; GRANT SELECT ON {table} TO credence_retention"
        )
    for table in SEALED:
        op.execute(f"GRANT DELETE ON {table} TO credence_retention")
    for table in WORKING:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO credence_app")


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
