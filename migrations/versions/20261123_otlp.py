"""The last point of each hour of a cumulative OTLP series."""

revision = "20261123_otlp"
down_revision = "20261123_letters"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
