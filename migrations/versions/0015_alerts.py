"""What citizens have read of their news, and to whom mail about it goes.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables. Addresses are sealed under the citizen's data key."""
    op.execute(
        "CREATE TABLE alerts_read (citizen bigint PRIMARY KEY, log_index bigint NOT NULL);"
        "CREATE TABLE mail_addresses (citizen bigint PRIMARY KEY, sealed bytea NOT NULL, is_confirmed boolean NOT NULL,"
        " told_index bigint NOT NULL, is_due boolean NOT NULL DEFAULT false, failures integer NOT NULL DEFAULT 0,"
        " retry_at timestamptz);"
        "CREATE INDEX mail_addresses_due ON mail_addresses (citizen) WHERE is_due;"
        "CREATE TABLE alert_cursor (one smallint PRIMARY KEY CHECK (one = 1), block bigint NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON alerts_read, mail_addresses, alert_cursor TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
