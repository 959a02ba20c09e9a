"""What agents cost, rolled up (DataModel.md 14)."""

revision = "20261123_costs"
down_revision = "20261123_agents"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
