"""What was refused lately, line by line, for its furnisher.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table of a bounded number of rows a furnisher."""
    op.execute(
        "CREATE TABLE refused_lines (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, furnisher text NOT NULL,"
        " refused_at timestamptz NOT NULL, batch_id text NOT NULL, line integer NOT NULL, rule text NOT NULL,"
        " detail text NOT NULL);"
        "CREATE INDEX refused_lines_furnisher ON refused_lines (furnisher, id);"
        "GRANT SELECT, INSERT, DELETE ON refused_lines TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
