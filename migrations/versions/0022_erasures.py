"""Erasures by the clock, and who a citizen is of whom nothing can be read any more.

Revision ID: 0022
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables; an identifier is sealed under its citizen's key."""
    op.execute(
        "CREATE TABLE erasures (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, citizen bigint NOT NULL,"
        " asked_on date NOT NULL, due_on date NOT NULL, ended_on date, outcome text);"
        "CREATE INDEX erasures_citizen ON erasures (citizen);"
        "CREATE INDEX erasures_due ON erasures (due_on) WHERE ended_on IS NULL;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON erasures TO credence_app;"
        "CREATE TABLE identifiers (citizen bigint PRIMARY KEY, sealed bytea NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON identifiers TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
