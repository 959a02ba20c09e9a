"""What assumptions, organisations and reports say since detection learned more."""

from alembic import op

from migrations.sql import run_file

revision = "20261123_detection"
down_revision = "20261123_history"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("20261123_detection.sql")
    # Who may change it is the policy's to say: an ADMIN, as the name and the time zone.
    op.execute("GRANT UPDATE (alarms_per_year) ON organization TO augentis_api")


def downgrade() -> None:
    run_file("20261123_detection_down.sql")
