"""Watches: lines that a bank wants to hear of, and the messages that tell it.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables. A bank has one watch on a citizen at a time; of a message that has arrived only the outcome stays."""
    op.execute(
        "CREATE TABLE watches (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bank text NOT NULL,"
        " citizen bigint NOT NULL, lines smallint[] NOT NULL, url text NOT NULL, seen bigint NOT NULL,"
        " since timestamptz NOT NULL, ended_at timestamptz, ended_why text);"
        "CREATE UNIQUE INDEX watches_once ON watches (bank, citizen) WHERE ended_at IS NULL;"
        "CREATE INDEX watches_by_citizen ON watches (citizen, number);"
        "CREATE INDEX watches_now ON watches (number) WHERE ended_at IS NULL;"
        "CREATE TABLE webhooks (id text PRIMARY KEY, watch bigint NOT NULL, citizen bigint NOT NULL,"
        " sealed bytea, attempts integer NOT NULL,"
        " due_at timestamptz, outcome text);"
        "CREATE INDEX webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;"
        "CREATE INDEX webhooks_by_citizen ON webhooks (citizen) WHERE sealed IS NOT NULL;"
        "CREATE INDEX webhooks_by_watch ON webhooks (watch);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON watches, webhooks TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
