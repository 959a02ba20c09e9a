"""Which alert goes to which channel (ADR 0028)."""

revision = "20261124_routes"
down_revision = "20261124_channels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
