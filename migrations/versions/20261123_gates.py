"""Gate decisions: computed, kept, overridden (DataModel.md 7)."""

revision = "20261123_gates"
down_revision = "20261123_evidence"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
