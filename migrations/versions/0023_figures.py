"""Figures that regulators and the public read: counts a furnisher and quarter, and reports as they were made.

Revision ID: 0023
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables: all of it can be counted again from the ledger, but refused lines and what was given."""
    op.execute(
        "CREATE TABLE furnisher_counts (furnisher text, quarter text, name text, count bigint NOT NULL,"
        " PRIMARY KEY (furnisher, quarter, name));"
        "CREATE TABLE reports (kind text, period text, scorecard text, made_at timestamptz NOT NULL,"
        " body text NOT NULL, PRIMARY KEY (kind, period, scorecard));"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON furnisher_counts, reports TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
