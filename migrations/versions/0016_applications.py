"""Organisations apply for a key's registration.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Working tables: who is called back is forgotten some day. `sealed` is under the bureau's key."""
    op.execute(
        "CREATE TABLE applications (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, reference_hash bytea NOT NULL UNIQUE,"
        " name text NOT NULL, role text NOT NULL, vkey text NOT NULL, possession text NOT NULL, sealed bytea NOT NULL,"
        " received_at timestamptz NOT NULL);"
        "CREATE INDEX applications_name ON applications (name);"
        "CREATE TABLE application_steps (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, application bigint NOT NULL,"
        " seat bigint NOT NULL, at timestamptz NOT NULL, outcome text NOT NULL CHECK (outcome IN ('proposed', 'refused')),"
        " reason text NOT NULL, proposal bigint);"
        "CREATE INDEX application_steps_application ON application_steps (application);"
    )
    for table in ("applications", "application_steps"):
        op.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO credence_app; GRANT SELECT ON {table} TO credence_retention"
        )


def downgrade() -> None:
    """A ledger is not taken back."""
    raise NotImplementedError("a ledger only grows; restore a backup instead (docs/operations.md)")
