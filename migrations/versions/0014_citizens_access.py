"""How citizens come in: how a session began, the ground of a one-time code, drafts of what is to be signed, challenges.

Revision ID: 0014
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables. What is personal in them is sealed under the citizen's data key."""
    op.execute(
        "ALTER TABLE sessions ADD id uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),"
        " ADD begun_at timestamptz NOT NULL DEFAULT now(), ADD sealed bytea;"
        "CREATE INDEX sessions_of_citizen ON sessions (citizen);"
        "ALTER TABLE links ADD sealed bytea;"
        "CREATE TABLE drafts (id bytea PRIMARY KEY, session bytea NOT NULL, citizen bigint NOT NULL,"
        " expires_at timestamptz NOT NULL, sealed bytea NOT NULL);"
        "CREATE TABLE challenges (challenge bytea PRIMARY KEY, expires_at timestamptz NOT NULL);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON drafts, challenges TO credence_app"
    )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
