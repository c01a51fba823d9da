"""What the scheduler ran last: a row a job.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table: without it every job would run again, which does no harm."""
    op.execute(
        "CREATE TABLE scheduled_jobs (job text PRIMARY KEY, started_at timestamptz NOT NULL, succeeded_at timestamptz,"
        " failures integer NOT NULL, done bigint NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON scheduled_jobs TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
