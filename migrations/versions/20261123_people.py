"""What takes people's data out, and organisations."""

revision = "20261123_people"
down_revision = "20261123_chain"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
