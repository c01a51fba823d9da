"""Scores by a challenger card: beside the ledger, replaced as accounts change.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table; what is personal in it is sealed under the citizens' keys."""
    op.execute(
        "CREATE TABLE challenger_scores (scorecard bytea NOT NULL, citizen bigint NOT NULL, block bigint NOT NULL,"
        " sealed bytea NOT NULL, PRIMARY KEY (scorecard, citizen));"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON challenger_scores TO credence_app;"
        "GRANT SELECT, DELETE ON challenger_scores TO credence_retention"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
