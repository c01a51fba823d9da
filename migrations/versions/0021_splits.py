"""Mixed files that are being split: which entries of a citizen's file are another's.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables: how far it is, the ledger says."""
    op.execute(
        'CREATE TABLE splits (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "case" bigint NOT NULL,'
        " citizen bigint NOT NULL, opened_at timestamptz NOT NULL, sealed bytea NOT NULL);"
        'CREATE INDEX splits_case ON splits ("case");'
        "CREATE TABLE split_items (split bigint NOT NULL, item bigint NOT NULL, furnisher text NOT NULL,"
        " PRIMARY KEY (split, item));"
        "CREATE INDEX split_items_furnisher ON split_items (furnisher, split);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON splits, split_items TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
