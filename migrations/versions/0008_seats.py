"""Seats: people at organisations who use the pages, their one-time links and their sessions.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables. A name is free again once its seat has ended; what a seat did names it by number, so it stays."""
    op.execute(
        "CREATE TABLE seats (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, organisation text NOT NULL,"
        " role text NOT NULL, label text NOT NULL, created_at timestamptz NOT NULL, ended_at timestamptz);"
        "CREATE UNIQUE INDEX seats_name ON seats (organisation, role, label) WHERE ended_at IS NULL;"
        "CREATE TABLE seat_links (token_hash bytea PRIMARY KEY, seat bigint NOT NULL, expires_at timestamptz NOT NULL);"
        "CREATE TABLE seat_sessions (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " token_hash bytea NOT NULL UNIQUE, seat bigint NOT NULL, created_at timestamptz NOT NULL,"
        " seen_at timestamptz NOT NULL, expires_at timestamptz NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE ON seats TO credence_app;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON seat_links, seat_sessions TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
