"""The catalogue of agents, dated prices of models, and what agents did (DataModel.md 11 and 15)."""

revision = "20261123_agents"
down_revision = "20261123_gates"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
