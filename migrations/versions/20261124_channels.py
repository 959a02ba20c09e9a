"""Where alerts go: channels of an organisation, with sealed secrets (ADR 0027)."""

revision = "20261124_channels"
down_revision = "20261123_handling"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
