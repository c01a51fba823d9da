"""What citizens show of their score, by a link.

Revision ID: 0019
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table. What is shown to whom is sealed under the citizen's data key."""
    op.execute(
        "CREATE TABLE shares (id bytea PRIMARY KEY, citizen bigint NOT NULL, sealed bytea NOT NULL,"
        " token_hash bytea UNIQUE, expires_at timestamptz NOT NULL, opened integer NOT NULL DEFAULT 0,"
        " opened_at timestamptz);"
        "CREATE INDEX shares_by_citizen ON shares (citizen);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON shares TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
