"""What staff did for citizens by hand.

Revision ID: 0024
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Append-only: who entered what stays."""
    op.execute(
        "CREATE TABLE staff_acts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, seat bigint NOT NULL,"
        " acted_at timestamptz NOT NULL, act text NOT NULL, ref text NOT NULL);"
        "CREATE TRIGGER staff_acts_rows BEFORE UPDATE OR DELETE ON staff_acts FOR EACH ROW"
        " EXECUTE FUNCTION credence_append_only();"
        "CREATE TRIGGER staff_acts_truncate BEFORE TRUNCATE ON staff_acts FOR EACH STATEMENT"
        " EXECUTE FUNCTION credence_append_only();"
        "GRANT SELECT, INSERT ON staff_acts TO credence_app; GRANT SELECT ON staff_acts TO credence_retention"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
