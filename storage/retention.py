"""What is forgotten with time of what people and agents wrote; row security holds us to 30 days at least."""

from datetime import datetime

from storage.ledger import Connection


async def forget_invitations(connection: Connection, before: datetime) -> int:
    """Delete the invitations that ended before `before`, however they did, and return how many."""
    done = await connection.execute(
        "DELETE FROM invitation WHERE coalesce(accepted_at, revoked_at, expires_at) < $1", before
    )
    return int(done.removeprefix("DELETE "))


async def forget_executions(connection: Connection, before: datetime, most: int) -> int:
    """Take the error messages of up to `most` executions that ended before `before`; return how many."""
    forgotten: int = await connection.fetchval("SELECT public.forget_executions($1, $2)", before, most)
    return forgotten
