"""Answers that the API keeps for repeated requests: forgotten after a day, which row security holds us to."""

from storage.ledger import Connection


async def forget(connection: Connection) -> int:
    """Delete the answers that are older than a day, and return how many."""
    done = await connection.execute("DELETE FROM idempotency_key WHERE created_at < now() - interval '1 day'")
    return int(done.removeprefix("DELETE "))
