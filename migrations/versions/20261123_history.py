"""Reports that rest on history alone."""

revision = "20261123_history"
down_revision = "20261123_batches"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
