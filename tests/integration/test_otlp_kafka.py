"""What an app's SDK has told becomes what the app itself has counted, in whatever order its records come."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import asyncpg
import pytest
from faust.types import TP

from metrics.cell import Cell
from storage import database as databases
from storage import partitions
from storage.partials import cell_of
from storage.partitions import month_of
from storage.secrets import seal
from streams import stamps
from streams.chunks import Chunk
from streams.fold import Limits, Tenant
from streams.holdings import Holdings
from streams.ingest import Ingest
from streams.otlp.format import ExportArrival, Otlp
from streams.parking import Gate
from tests.databases import SECRET, Database
from tests.members import FAR, PATIENCE, Consumer, Member
from tests.otlp import HOUR, App, Clock, Told, as_json, mapping
from tests.unit.streams.messages import KEY, LAST_HOUR, ORG, PROJECT, Record

WEEK = 7 * 86400.0
LIMITS = Limits(10_000, 1_000_000, WEEK, 300.0)
START = LAST_HOUR - 6 * HOUR
Build = Callable[[Clock, Told], list[bytes]]


class OneTenant:
    """A directory in which every record is one project's."""

    taken_at = float("inf")

    def __init__(self) -> None:
        self._tenant = Tenant(ORG, PROJECT, KEY)

    def stale(self) -> bool:
        return False

    def tenant(self, *_: object) -> Tenant:
        return self._tenant

    def payer(self, _: object) -> None:
        return None


class Rules:
    """The mapping of the tests' app, for everybody."""

    def __init__(self) -> None:
        self._mapping = mapping()

    def stale(self) -> bool:
        return False

    def of(self, _: object) -> object:
        return self._mapping


class OtlpMember(Member):
    """A worker's ingest of `otlp_metrics`, without Faust around it."""

    def __init__(self, pool: asyncpg.Pool, name: str, partition: int = 0) -> None:
        super().__init__(pool, name)
        self.partition = TP("otlp_metrics", partition)
        self.consumer = Consumer(assigned=frozenset({self.partition}))
        self.holdings = Holdings(pool, "otlp", name, PATIENCE, {"otlp_metrics": "made once"})
        directory: Any = OneTenant()
        rules: Any = Rules()
        self.otlp: Ingest[ExportArrival] = Ingest(
            *(pool, self.holdings, directory, self.months, Otlp(LIMITS, rules)),
            gate=Gate(directory, stamps.key(SECRET), seal(SECRET)),
            most_series=10_000,
            seal=seal(SECRET),
            clock=lambda: FAR / 1000,
        )
        self._next = 0

    async def tell(self, requests: Sequence[bytes], headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Count these records, as one chunk."""
        records = [
            Record(self._next + place, request, FAR, headers=headers, topic="otlp_metrics")
            for place, request in enumerate(requests)
        ]
        end = self._next + len(records)
        chunk = Chunk(self.partition, self._next, end, records, self.consumer.token, 0.0)
        await self.otlp.take(chunk, PATIENCE)
        self._next = end


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(database.worker_url, name="otlp")
    async with pool.acquire() as connection:
        await partitions.make(connection, {month_of(LAST_HOUR)})
    yield pool
    await pool.close()


@dataclass(frozen=True)
class Clean:
    """What can be done to the database between two runs."""

    pool: asyncpg.Pool

    async def cells(self) -> dict[tuple[int, str, str], Cell]:
        """Return what is known of each hour, metric and feature, of all partitions together."""
        found: dict[tuple[int, str, str], Cell] = defaultdict(Cell)
        for row in await self.pool.fetch("SELECT * FROM partial"):
            key = (int(row["hour"].timestamp()), row["metric_name"], row["feature"])
            found[key] |= cell_of(row)
        return {key: cell for key, cell in found.items() if cell != Cell()}


def instances(clock: Clock, told: Told) -> list[bytes]:
    """Two instances of a service for six hours: each exports twice an hour, one restarts in between."""
    random, requests = Random(5), []
    apps = [App(clock, told, "one"), App(clock, told, "two")]
    for half in range(12):
        clock.now = START + half * HOUR / 2 + 900
        for number, app in enumerate(apps):
            _use(app, random)
            clock.now += 1
            requests.append(app.export())
            if number == 0 and half in {3, 8}:
                clock.now += 1
                apps[0] = App(clock, told, "one")
    return requests


def _use(app: App, random: Random) -> None:
    for _ in range(random.randrange(1, 8)):
        app.checkout(random.randrange(1, 5))
        app.cart(random.randrange(-2, 4))
    for _ in range(random.randrange(1, 20)):
        app.request(random.lognormvariate(4, 0.8), random.choice([200, 200, 404, 500]))


def delta(clock: Clock, told: Told) -> list[bytes]:
    """The preference for delta: up-down counters stay cumulative."""
    random, requests = Random(6), []
    app = App(clock, told, "delta", delta=True)
    for half in range(8):
        clock.now = START + half * HOUR / 2 + 900
        _use(app, random)
        requests.append(app.export())
    return requests


def exponential(clock: Clock, told: Told) -> list[bytes]:
    """Exponential histograms, whose scale shrinks as values spread."""
    random, requests = Random(7), []
    app = App(clock, told, "exponential", exponential=True)
    for half in range(8):
        clock.now = START + half * HOUR / 2 + 900
        for _ in range(40):
            app.request(random.lognormvariate(3, 0.2 + half / 4), 200)
        requests.append(app.export())
    return requests


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(START)
    clock.rule(monkeypatch)
    return clock


def check(cells: dict[tuple[int, str, str], Cell], told: Told, width: float = 2.1) -> None:
    """Compare sums exactly, and medians as far as the bounds of the SDK's histograms tell (`width`)."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for (hour, metric, feature), cell in cells.items():
        if metric == "feature_usage":
            found[feature][hour] = cell.value_micro // 10**6
        elif metric == "error_rate":
            found["failures"][hour] = cell.value_micro // 10**6
            found["requests"][hour] = cell.of_micro // 10**6
            assert cell.samples == told.requests[hour]
        else:
            durations = sorted(told.durations[hour])
            assert cell.samples == sum(cell.latency.counts.values()) == len(durations)
            assert min(cell.latency.counts.values()) > 0
            median = durations[(len(durations) - 1) // 2]
            assert median / width <= (cell.latency.median() or 0) <= median * width
    assert found["checkout"] == told.checkouts
    assert found["cart"] == told.cart
    assert (found["requests"], found["failures"]) == (told.requests, told.failures)


@pytest.mark.parametrize(("build", "width"), [(instances, 2.6), (delta, 2.6), (exponential, 1.3)])
@pytest.mark.parametrize("encode", [bytes, as_json], ids=["proto", "json"])
async def test_telemetry_is_what_the_app_counted(pool, clock, build: Build, width, encode):
    told = Told()
    requests = [encode(request) for request in build(clock, told)]
    member = OtlpMember(pool, "one")
    await member.claim()
    for first in range(0, len(requests), 5):
        await member.tell(requests[first : first + 5])
    assert sum(told.requests.values()) > 30
    check(await Clean(pool).cells(), told, width)
