"""Citizen keys by a keyed hash of the identifier, so that not every process evaluates the VRF of everybody.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table: what is missing is evaluated again."""
    op.execute(
        "CREATE TABLE recalled_keys (tag bytea PRIMARY KEY, sealed bytea NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON recalled_keys TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
