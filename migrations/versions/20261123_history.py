"""Reports found in history: they page nobody."""

from alembic import op

revision = "20261123_history"
down_revision = "20261123_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE divergence_report ADD COLUMN historical boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE divergence_report DROP COLUMN historical")
