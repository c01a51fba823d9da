"""Two people for what cannot be undone: proposals and decisions.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Append-only, like the ledger. The key of `decisions` is what makes an effect happen once."""
    op.execute(
        "CREATE TABLE proposals (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL,"
        " seat bigint NOT NULL, proposed_at timestamptz NOT NULL, expires_at timestamptz NOT NULL);"
        "CREATE TABLE decisions (proposal bigint PRIMARY KEY, seat bigint NOT NULL, decided_at timestamptz NOT NULL,"
        " outcome text NOT NULL CHECK (outcome IN ('executed', 'refused', 'withdrawn')))"
    )
    for table in ("proposals", "decisions"):
        op.execute(
            f"CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"
            " EXECUTE FUNCTION credence_append_only();"
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
            " EXECUTE FUNCTION credence_append_only();"
            f"GRANT SELECT, INSERT ON {table} TO credence_app; GRANT SELECT ON {table} TO credence_retention"
        )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
