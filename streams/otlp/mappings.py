"""The mapping of each project: a snapshot of what stands in the database, compiled."""

import logging
import time
from typing import Any

import asyncpg

from metrics import otlp_rules
from metrics.otlp_rules import Rules, RulesError
from storage import mappings
from storage.watermarks import ProjectKey
from streams.directory import FRESH
from streams.otlp.mapping import Mapping, compile  # noqa: A004  # re.compile's sense of the word

log = logging.getLogger(__name__)


class Mappings:
    """Answers from the last snapshot; a mapping that has not changed stays the object that it was."""

    def __init__(self) -> None:
        self._stock = compile(Rules())
        self._documents: dict[ProjectKey, Any] = {}
        self._compiled: dict[ProjectKey, Mapping] = {}
        self._taken_at = -float("inf")

    def stale(self) -> bool:
        """Say whether the snapshot is older than `FRESH`."""
        return time.monotonic() - self._taken_at > FRESH.total_seconds()

    async def refresh(self, pool: asyncpg.Pool) -> None:
        """Take a new snapshot."""
        at = time.monotonic()
        async with pool.acquire() as connection:
            documents = await mappings.live(connection)
        for project, document in documents.items():
            if project not in self._compiled or self._documents.get(project) != document:
                self._compiled[project] = self._read(project, document)
        self._documents, self._taken_at = documents, at

    def of(self, project: ProjectKey) -> Mapping:
        """Return the mapping of (organisation, project): its own, or the defaults."""
        return self._compiled.get(project, self._stock)

    def _read(self, project: ProjectKey, document: Any) -> Mapping:
        try:
            return compile(otlp_rules.read(document))
        except RulesError as error:
            # Written by the API of a newer or older version: what it says cannot be guessed.
            log.warning("the OTLP mapping of %s is not understood, the defaults hold: %s", project, error)
            return self._stock
