"""What ends a worker. `exit_code` is what its process ends with (interfaces: 74 fenced, 75 gave up)."""

from typing import ClassVar


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
