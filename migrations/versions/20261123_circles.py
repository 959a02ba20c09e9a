"""Circles are looked for once a statement, not once a row."""

from migrations.sql import run_file

revision = "20261123_circles"
down_revision = "20261123_people"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_file("20261123_circles.sql")


def downgrade() -> None:
    run_file("20261123_circles_down.sql")
    run_file("20261123_incidents.sql")
