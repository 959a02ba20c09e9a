"""What a project counts and may send: its series, quotas of keys, topics bound to a tenant."""

revision = "20261123_series"
down_revision = "20261123_audit"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
