"""Executions as a worker sees them: those whose runner is not heard of any more."""

from datetime import datetime, timedelta

from storage.ledger import Connection


async def give_up_silent(connection: Connection, now: datetime, after: timedelta) -> int:
    """Let executions fail that run and were last heard of `after` ago or more; return how many."""
    query = """UPDATE agent_execution SET status = 'FAILED', error_message = $2
               WHERE status = 'RUNNING' AND seen_at <= $1"""
    said = f"nothing was heard of its runner for {after}: it was given up to free its place; retry it"
    done: str = await connection.execute(query, now - after, said)
    return int(done.rsplit(maxsplit=1)[-1])
