"""What assumptions, organisations and reports say since detection learned more."""

revision = "20261123_detection"
down_revision = "20261123_history"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
