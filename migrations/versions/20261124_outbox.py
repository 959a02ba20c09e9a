"""A letter that was accepted is gone, whoever accepted it: the outbox keeps nobody's words for nothing."""

from alembic import op

revision = "20261124_outbox"
down_revision = "20261124_watch"
branch_labels = None
depends_on = None

DUE = "CREATE INDEX ix_outbox_due ON outbox (destination, next_attempt_at, id)"


def upgrade() -> None:
    # The owner's statements are under row-level security as everybody's, where it is forced.
    op.execute("ALTER TABLE outbox NO FORCE ROW LEVEL SECURITY")
    op.execute("DELETE FROM outbox WHERE delivered_at IS NOT NULL")
    op.execute("ALTER TABLE outbox FORCE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE outbox DROP COLUMN delivered_at")  # the index goes with what it is about
    op.execute(DUE)


def downgrade() -> None:
    op.execute("DROP INDEX ix_outbox_due")
    op.execute("ALTER TABLE outbox ADD COLUMN delivered_at TIMESTAMP WITH TIME ZONE")
    op.execute(f"{DUE} WHERE delivered_at IS NULL")
