"""Reports that share a root, and dependencies without circles."""

revision = "20261123_incidents"
down_revision = "20261123_exclusions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
