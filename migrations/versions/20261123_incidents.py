"""Documents come to rest on themselves as little as their versions do."""

from migrations.sql import run_file

revision = "20261123_incidents"
down_revision = "20261123_exclusions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("20261123_incidents.sql")


def downgrade() -> None:
    run_file("20261123_incidents_down.sql")
