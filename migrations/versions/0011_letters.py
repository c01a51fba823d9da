"""Letters of adverse action: a bank, a citizen, the answer that it is about, and the bank's signed word.

Revision ID: 0011
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A working table; an answer has one letter."""
    op.execute(
        "CREATE TABLE letters (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, bank text NOT NULL,"
        " citizen bigint NOT NULL, answer uuid NOT NULL UNIQUE, note text NOT NULL, requested_at timestamptz NOT NULL);"
        "CREATE INDEX letters_by_citizen ON letters (citizen, number);"
        "CREATE INDEX letters_by_bank ON letters (bank, number);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON letters TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
