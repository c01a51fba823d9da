"""By which passkey a session was begun, as a hash, so that it ends when that passkey is removed.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """SHA-256 of the credential's text."""
    op.execute("ALTER TABLE sessions ADD passkey bytea")


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
