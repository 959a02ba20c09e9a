"""Hours and holidays that are not detected on."""

revision = "20261123_exclusions"
down_revision = "20261123_detection"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
