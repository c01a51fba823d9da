"""For how many a job of the scheduler failed.

Revision ID: 0025
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """None, before the next run."""
    op.execute("ALTER TABLE scheduled_jobs ADD COLUMN failed_for integer NOT NULL DEFAULT 0")


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
