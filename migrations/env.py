"""alembic's environment: one connection, one advisory lock, row security never silently in the way."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, text

from storage.tables import Base

LOCK = 0x4175_6765  # "Auge": one migration at a time in a database


def run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK})
    # Under FORCE the owner is subject to policies too: a backfill must fail, not update nothing.
    connection.execute(text("SET row_security = off"))
    connection.commit()
    try:
        context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=False)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SET row_security = on"))
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK})
        connection.commit()


given: Any = context.config.attributes["connection"]
run(given)
