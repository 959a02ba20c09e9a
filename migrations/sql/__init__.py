"""SQL that migrations run as it stands: functions and tables read better as SQL than as Python calls."""

from pathlib import Path

from alembic import op


def run_file(name: str) -> None:
    """Run all statements of a file in this folder, inside the migration's transaction."""
    sql = (Path(__file__).parent / name).read_text()
    connection = op.get_bind().connection
    connection.run_async(lambda driver: driver.execute(sql))
