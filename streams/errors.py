"""What ends a worker. `exit_code` is what its process ends with (interfaces: 74 fenced, 75 gave up)."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, ClassVar

log = logging.getLogger(__name__)


class WorkerError(Exception):
    """A worker cannot go on."""

    exit_code: ClassVar[int] = 1


class FencedError(WorkerError):
    """Another worker holds the partition now; what was read under the old claim is not written."""

    exit_code = 74


class GaveUpError(WorkerError):
    """Kafka or PostgreSQL stayed away too long."""

    exit_code = 75


class BrokenChainError(WorkerError):
    """Offsets are missing between two chunks: an event was dropped on the way to the ledger."""


class LedgerMismatchError(WorkerError):
    """The ledger and the log do not belong together: the topic was recreated, or retention overtook us."""


def exit_code(done: Iterable[asyncio.Future[Any]]) -> int:
    """Return the exit code of the task that ended a process, and log why; 0 where it was asked to end."""
    for task in done:
        error = task.exception()
        if isinstance(error, WorkerError):
            log.error("%s", error)
            return error.exit_code
        if error is not None:
            log.error("unexpected", exc_info=error)
            return 1
    return 0
