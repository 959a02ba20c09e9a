"""Silences, quiet hours and maintenance windows (ADR 0029)."""

revision = "20261124_calm"
down_revision = "20261124_routes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
