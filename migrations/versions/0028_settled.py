"""What a block has settled: the admission up to which nothing can come behind it any more.

Revision ID: 0028
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Blocks from before have no row, which says that nothing is settled: readers then look through all of a citizen's
    events, as they did. The second block to come says more than nothing.
    """
    op.execute(
        "CREATE TABLE settled (block bigint PRIMARY KEY, admission bigint NOT NULL);"
        "CREATE TRIGGER settled_rows BEFORE UPDATE OR DELETE ON settled"
        " FOR EACH ROW EXECUTE FUNCTION credence_append_only();"
        "CREATE TRIGGER settled_truncate BEFORE TRUNCATE ON settled"
        " FOR EACH STATEMENT EXECUTE FUNCTION credence_append_only();"
        "GRANT SELECT, INSERT ON settled TO credence_app; GRANT SELECT ON settled TO credence_retention"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
