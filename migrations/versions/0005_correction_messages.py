"""Who is to be told of a correction: a bank, a citizen, the log index of the item.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table: what is old may go."""
    op.execute(
        "CREATE TABLE correction_messages (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bank text NOT NULL,"
        " citizen bigint NOT NULL, item bigint NOT NULL);"
        "CREATE INDEX correction_messages_bank ON correction_messages (bank, number);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON correction_messages TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
