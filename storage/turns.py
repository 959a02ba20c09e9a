"""Turns of several workers at one thing."""

from storage.ledger import Connection


async def taken(connection: Connection, name: str) -> bool:
    """Tell whether it is this transaction's turn at `name`; the turn ends with the transaction."""
    query = "SELECT pg_try_advisory_xact_lock(hashtextextended('turn at ' || $1, 0))"
    return bool(await connection.fetchval(query, name))
