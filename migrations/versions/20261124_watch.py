"""What the system notices of itself: silence of projects and cohorts (ADR 0033)."""

revision = "20261124_watch"
down_revision = "20261124_deliveries"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
