"""What is to be told, what was told, and deliveries in lanes (ADR 0030, 0031)."""

revision = "20261124_deliveries"
down_revision = "20261124_calm"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
