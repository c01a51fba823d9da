"""Citizens are enrolled by a keyed hash of the identifier; their VRF outputs come with their first block.

Revision ID: 0027
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Numbers are given by the new table from now on, above those that were given. Citizens from before get their tags from
    `services.citizens.tagging`: that takes the bureau's keys. What was remembered of VRF outputs is of no use any more.
    """
    op.execute(
        "CREATE TABLE enrolments (citizen bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tag bytea NOT NULL UNIQUE);"
        "SELECT setval(pg_get_serial_sequence('enrolments', 'citizen'), max(id)) FROM citizens HAVING count(*) > 0;"
        "ALTER TABLE citizens ALTER id DROP IDENTITY;"
        "CREATE TRIGGER enrolments_rows BEFORE UPDATE OR DELETE ON enrolments"
        " FOR EACH ROW EXECUTE FUNCTION credence_append_only();"
        "CREATE TRIGGER enrolments_truncate BEFORE TRUNCATE ON enrolments"
        " FOR EACH STATEMENT EXECUTE FUNCTION credence_append_only();"
        "GRANT SELECT, INSERT ON enrolments TO credence_app; GRANT SELECT ON enrolments TO credence_retention;"
        "DROP TABLE recalled_keys"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
