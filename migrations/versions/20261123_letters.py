"""Dead letters: what was refused, where it lies and why."""

revision = "20261123_letters"
down_revision = "20261123_series"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
