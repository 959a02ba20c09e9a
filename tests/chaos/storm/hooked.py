"""Our commands with what the chaos tests hang into them; production code has no switch for any of it.

CHAOS_HOOKS, separated by commas:

- `audit`: a move of the ledger says at which offset the worker believed to stand (`audit`).
- `no-fence`: the ledger moves without comparing, so that what the fence keeps out gets in.
- `zombie`: the process stops itself (SIGSTOP) in its first transaction on `raw_metrics`.
"""

import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from cli.main import main
from storage import ledger
from storage.ledger import Claim, Connection, Place

HOOKS = "CHAOS_HOOKS"
HELD = "chaos.held"
Move = Callable[[Connection, Place, Claim, int], Coroutine[Any, Any, bool]]


def audited(move: Move) -> Move:
    async def told(connection: Connection, place: Place, held: Claim, new_offset: int) -> bool:
        await connection.execute("SELECT set_config($1, $2, true)", HELD, str(held.next_offset))
        return await move(connection, place, held, new_offset)

    return told


async def unfenced(connection: Connection, place: Place, held: Claim, new_offset: int) -> bool:
    del held
    await connection.execute(
        """UPDATE partition_ledger SET next_offset = $1, fresh_at = clock_timestamp()
           WHERE consumer = $2 AND topic = $3 AND partition = $4""",
        new_offset,
        place.consumer,
        place.topic,
        place.partition,
    )
    return True


def asleep(move: Move) -> Move:
    slept: list[bool] = []

    async def stopped(connection: Connection, place: Place, held: Claim, new_offset: int) -> bool:
        if place.topic == "raw_metrics" and not slept:
            slept.append(True)
            os.kill(os.getpid(), signal.SIGSTOP)
        return await move(connection, place, held, new_offset)

    return stopped


def hook(names: set[str]) -> None:
    move: Move = unfenced if "no-fence" in names else ledger.move
    if "audit" in names:
        move = audited(move)
    setattr(ledger, "move", asleep(move) if "zombie" in names else move)  # noqa: B010  # it is a function


if __name__ == "__main__":
    hook(set(os.environ[HOOKS].split(",")))
    main()
