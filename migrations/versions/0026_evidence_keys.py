"""Each file of evidence has a key of its own, and goes with it.

Revision ID: 0026
"""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Files from before are under the data keys, which no migration has: it says so rather than losing them."""
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM evidence) THEN RAISE EXCEPTION"
        " 'evidence from before its keys: hand it to its furnishers and delete it, then upgrade'; END IF; END $$;"
        "CREATE TABLE evidence_keys (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, citizen bigint NOT NULL,"
        " item bigint NOT NULL, sealed bytea NOT NULL);"
        "CREATE INDEX evidence_keys_citizen ON evidence_keys (citizen);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON evidence_keys TO credence_app;"
        "ALTER TABLE evidence RENAME COLUMN sealed TO body;"
        "ALTER TABLE evidence ALTER COLUMN number DROP IDENTITY;"
        "CREATE FUNCTION credence_evidence_goes() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN DELETE FROM evidence WHERE number = OLD.number; RETURN NULL; END $$;"
        "CREATE TRIGGER evidence_keys_rows AFTER DELETE ON evidence_keys FOR EACH ROW"
        " EXECUTE FUNCTION credence_evidence_goes()"  # no foreign key: the files are restored before the keys
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
