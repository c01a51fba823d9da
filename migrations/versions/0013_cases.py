"""Cases for a person: a queue, and what citizens and clerks write in it.

Revision ID: 0013
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables; what was written is sealed under the citizen's data key."""
    op.execute(
        "CREATE TABLE cases (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, citizen bigint NOT NULL,"
        " about text NOT NULL, opened_at timestamptz NOT NULL, seat bigint, looked_at timestamptz,"
        " closed_at timestamptz);"
        "CREATE INDEX cases_citizen ON cases (citizen);"
        "CREATE INDEX cases_unanswered ON cases (id) WHERE closed_at IS NULL;"
        'CREATE TABLE case_texts (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "case" bigint NOT NULL,'
        " citizen bigint NOT NULL, author text NOT NULL CHECK (author IN ('citizen', 'clerk')),"
        " written_at timestamptz NOT NULL, sealed bytea NOT NULL);"
        'CREATE INDEX case_texts_case ON case_texts ("case");'
        "CREATE INDEX case_texts_citizen ON case_texts (citizen);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON cases, case_texts TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
