"""The audit log is chained, and knows from where a change came and why."""

revision = "20261123_chain"
down_revision = "20261123_costs"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
