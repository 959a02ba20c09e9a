"""Evidence behind an artifact, and the tier that it supports (DataModel.md 12)."""

revision = "20261123_evidence"
down_revision = "20261123_governance"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
