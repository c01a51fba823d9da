"""The accounts that a block wrote are found without reading all of them: they lie side by side, as blocks are appended.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A few kilobytes for a million accounts: BRIN keeps the blocks of each range of pages."""
    op.execute(
        "CREATE INDEX accounts_by_block ON accounts USING brin (block) WITH (pages_per_range = 16, autosummarize = on)"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
