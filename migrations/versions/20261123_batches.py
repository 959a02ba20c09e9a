"""Batches seen, partitioned: forgotten by the day."""

revision = "20261123_batches"
down_revision = "20261123_mapping"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
