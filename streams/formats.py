"""What a topic's records are written in: how they are read, and how they become cells.

An ingest agent is the same for all of them: the ledger, the repeats, the partials and the dead letters.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg

from storage.ledger import Connection
from storage.series import SeriesName
from storage.watermarks import ProjectKey
from streams.fold import Arrival, Directory, Folded, Folder, Limits, Record, Refusal, Tenant


class Arrived(Protocol):
    """A message that can be read, and whose it is."""

    @property
    def record(self) -> Any: ...  # noqa: D102
    @property
    def tenant(self) -> Tenant: ...  # noqa: D102
    @property
    def batch_id(self) -> UUID | None:
        """Return what its resends are known by."""

    @property
    def sample_count(self) -> int:
        """Return what it takes from its key's quota."""


A = TypeVar("A", bound=Arrived)


class Format(Protocol[A]):
    """How the records of a topic become cells."""

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Look anew at what the database says of the format, if it is time to."""

    def admit(self, records: Sequence[Record], directory: Directory) -> tuple[list[A], list[Refusal]]:
        """Decode `records`, in memory alone; what cannot be read or belongs to nobody known is refused."""

    async def fold(
        self,
        connection: Connection,
        arrivals: Sequence[A],
        marks: Mapping[ProjectKey, float],
        now: float,
        barred: Collection[SeriesName],
    ) -> Folded:
        """Return what `arrivals` add, inside the transaction that moves the ledger.

        What is of a series in `barred` is refused as `too_many_series`, and leaves no trace.
        It may be called again for the same arrivals: nothing is remembered before the commit but caches.
        """


class Native:
    """The raw message, version 1 (docs/wire-format.md)."""

    def __init__(self, limits: Limits) -> None:
        self._folder = Folder(limits)

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Nothing about it is in the database."""

    def admit(self, records: Sequence[Record], directory: Directory) -> tuple[list[Arrival], list[Refusal]]:
        """Decode `records`, and ask `directory` whose they are."""
        return self._folder.admit(records, directory)

    async def fold(
        self,
        connection: Connection,
        arrivals: Sequence[Arrival],
        marks: Mapping[ProjectKey, float],
        now: float,
        barred: Collection[SeriesName],
    ) -> Folded:
        """Add up `arrivals`; the database is not asked."""
        del connection
        return self._folder.fold(arrivals, marks, now, barred)
