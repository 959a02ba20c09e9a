"""A worker's ingest of `otlp_metrics` without Faust around it, and requests made by hand."""

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
from faust.types import TP

from metrics.cell import Cell
from storage.partials import cell_of
from storage.secrets import seal
from streams import stamps
from streams.chunks import Chunk
from streams.fold import Limits, Tenant
from streams.holdings import Holdings
from streams.ingest import Ingest
from streams.otlp.format import ExportArrival, Otlp
from streams.otlp.mapping import Mapping
from streams.parking import Gate
from tests.databases import SECRET
from tests.members import FAR, PATIENCE, Consumer, Member
from tests.otlp import mapping
from tests.unit.streams.messages import KEY, LAST_HOUR, ORG, Record

WEEK = 7 * 86400.0
Cells = dict[tuple[int, str, str], Cell]


class OneTenant:
    """A directory in which every record is one project's."""

    taken_at = float("inf")

    def __init__(self, org: UUID, project: UUID) -> None:
        self._tenant = Tenant(org, project, KEY)

    def stale(self) -> bool:
        return False

    def tenant(self, *_: object) -> Tenant:
        return self._tenant

    has_quotas = False

    def payer(self, _: object) -> None:
        raise AssertionError("nobody has a quota")


class Rules:
    """The mapping of the tests' app, for everybody."""

    def __init__(self) -> None:
        self._mapping = mapping()

    def stale(self) -> bool:
        return False

    def of(self, _: object) -> Mapping:
        return self._mapping


class OtlpMember(Member):
    """A worker's ingest of one partition of `otlp_metrics`, without Faust around it."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        project: UUID,
        partition: int = 0,
        *,
        org: UUID = ORG,
        most_series: int = 10_000,
        lateness: float = WEEK,
    ) -> None:
        super().__init__(pool, "one")
        self.project = project
        self.partition = TP("otlp_metrics", partition)
        self.consumer = Consumer(assigned=frozenset({self.partition}))
        self.holdings = Holdings(pool, str(project), "one", PATIENCE, {"otlp_metrics": "made once"})
        directory: Any = OneTenant(org, project)
        rules: Any = Rules()
        limits = Limits(10_000, 1_000_000, lateness, 300.0)
        self.otlp: Ingest[ExportArrival] = Ingest(
            *(pool, self.holdings, directory, self.months, Otlp(limits, rules)),
            gate=Gate(directory, stamps.key(SECRET), seal(SECRET)),
            most_series=most_series,
            seal=seal(SECRET),
            clock=lambda: FAR / 1000,
        )
        self._next = 0

    async def tell(self, requests: Sequence[bytes], headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Count these records, as one chunk."""
        if self._next == 0:
            await self.again()
        records = [
            Record(self._next + place, request, FAR, headers=headers, topic="otlp_metrics")
            for place, request in enumerate(requests)
        ]
        end = self._next + len(records)
        chunk = Chunk(self.partition, self._next, end, records, self.consumer.token, 0.0)
        await self.otlp.take(chunk, PATIENCE)
        self._next = end


async def cells(pool: asyncpg.Pool, project: UUID) -> Cells:
    """Return what is known of each hour, metric and feature, of all partitions together."""
    found: Cells = defaultdict(Cell)
    for row in await pool.fetch("SELECT * FROM partial WHERE project_id = $1", project):
        key = (int(row["hour"].timestamp()), row["metric_name"], row["feature"])
        found[key] |= cell_of(row)
    return {key: cell for key, cell in found.items() if cell != Cell()}


def gauge(*values: float, at: float = LAST_HOUR, name: str = "shop.load") -> dict[str, Any]:
    points = [{"timeUnixNano": str(int(at * 1e9)), "asDouble": value} for value in values]
    return {"name": name, "unit": "ms", "gauge": {"dataPoints": points}}


def counter(*totals: tuple[float, int], started: float = 0.0) -> dict[str, Any]:
    """A cumulative counter of checkouts: (time, total)."""
    points = [
        {"startTimeUnixNano": int(started * 1e9), "timeUnixNano": int(at * 1e9), "asInt": str(total)}
        for at, total in totals
    ]
    data = {"dataPoints": points, "aggregationTemporality": 2, "isMonotonic": True}
    return {"name": "shop.checkouts", "sum": data}


def request(*metrics: dict[str, Any]) -> bytes:
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()
