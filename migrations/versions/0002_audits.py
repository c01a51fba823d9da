"""Audits over the network: the tokens that regulators hold for an hour.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table: what has expired may go."""
    op.execute(
        "CREATE TABLE audits (token_hash bytea PRIMARY KEY, note_hash bytea NOT NULL UNIQUE, regulator text NOT NULL,"
        " expires_at timestamptz NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON audits TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
