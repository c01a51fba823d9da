"""Disputes by the clock, their drafts, and the files that citizens hand in.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables; what is personal in them is sealed under the citizens' keys."""
    op.execute(
        "CREATE TABLE disputes (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, citizen bigint NOT NULL,"
        " item bigint NOT NULL, furnisher text NOT NULL, filed_on date NOT NULL, due_on date NOT NULL,"
        " extended boolean NOT NULL, closed_on date, outcome text, reinserted_on date);"
        "CREATE UNIQUE INDEX disputes_open ON disputes (citizen, item) WHERE closed_on IS NULL;"
        "CREATE INDEX disputes_citizen ON disputes (citizen);"
        "CREATE INDEX disputes_due ON disputes (due_on) WHERE closed_on IS NULL;"
        "CREATE INDEX disputes_furnisher ON disputes (furnisher, number);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON disputes TO credence_app;"
        "CREATE TABLE dispute_drafts (citizen bigint NOT NULL, item bigint NOT NULL, changed_at timestamptz NOT NULL,"
        " sealed bytea NOT NULL, PRIMARY KEY (citizen, item));"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON dispute_drafts TO credence_app;"
        "CREATE TABLE evidence (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, citizen bigint NOT NULL,"
        " item bigint NOT NULL, stored_at timestamptz NOT NULL, bundle bytea, filed boolean NOT NULL,"
        " sealed bytea NOT NULL);"
        "CREATE INDEX evidence_citizen ON evidence (citizen, item);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON evidence TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
