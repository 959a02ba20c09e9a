"""How a project's OTLP metrics become ours."""

revision = "20261123_mapping"
down_revision = "20261123_otlp"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
