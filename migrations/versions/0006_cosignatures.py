"""Witnesses' cosignatures of published checkpoints, and the newest block that readers of proofs are shown.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """`cosignatures` is part of the ledger; `shown` is a working table of one row."""
    op.execute(
        "CREATE TABLE cosignatures (block bigint NOT NULL, witness text NOT NULL, key_id bigint NOT NULL"
        " CHECK (key_id BETWEEN 0 AND 4294967295), signature bytea NOT NULL, PRIMARY KEY (block, witness, key_id));"
        "CREATE TRIGGER cosignatures_rows BEFORE UPDATE OR DELETE ON cosignatures FOR EACH ROW"
        " EXECUTE FUNCTION credence_append_only();"
        "CREATE TRIGGER cosignatures_truncate BEFORE TRUNCATE ON cosignatures FOR EACH STATEMENT"
        " EXECUTE FUNCTION credence_append_only();"
        "GRANT SELECT, INSERT ON cosignatures TO credence_app; GRANT SELECT ON cosignatures TO credence_retention;"
        "CREATE TABLE shown (one smallint PRIMARY KEY, block bigint NOT NULL);"
        "INSERT INTO shown SELECT 1, max(block) FROM publications HAVING max(block) IS NOT NULL;"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON shown TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
