"""What an app's SDK has told becomes what the app itself has counted, in whatever order its records come."""

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from random import Random
from uuid import UUID, uuid4

import asyncpg
import pytest

from storage import database as databases
from storage import partitions
from storage.entities.founding import found
from storage.partitions import month_of
from streams.close import Closer, Patience
from streams.otlp.format import forget
from tests.databases import Database, clone_of, create, drop
from tests.integration.otlp import WEEK, Cells, OtlpMember, cells, counter, gauge, request
from tests.members import FAR
from tests.otlp import HOUR, App, Clock, Told, as_json, recorded
from tests.unit.streams.messages import LAST_HOUR

START = LAST_HOUR - 6 * HOUR
Build = Callable[[Clock, Told], list[bytes]]


@pytest.fixture(scope="module")
def ours(template: Database) -> Iterator[Database]:
    """A database for all tests here: each has a project of its own."""
    clone = clone_of(template)
    asyncio.run(create(clone, template.name))
    yield clone
    asyncio.run(drop(clone))


@pytest.fixture
async def pool(ours: Database) -> AsyncIterator[asyncpg.Pool]:
    pool = await databases.worker_pool(ours.worker_url, name="otlp")
    async with pool.acquire() as connection:
        await partitions.make(connection, {month_of(LAST_HOUR)})
        await partitions.make_ahead(connection)
    yield pool
    await pool.close()


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


def check(cells: Cells, told: Told, width: float) -> None:
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
    member = OtlpMember(pool, uuid4())
    for first in range(0, len(requests), 5):
        await member.tell(requests[first : first + 5])
    assert sum(told.requests.values()) > 30
    check(await cells(pool, member.project), told, width)


async def test_records_of_the_collector_count_in_either_encoding_or_both(pool):
    protobuf, in_json, told = recorded()
    mixed = [pair[place % 2] for place, pair in enumerate(zip(protobuf, in_json, strict=True))]
    for records in (protobuf, in_json, mixed, [*protobuf, *in_json]):
        one, two = (OtlpMember(pool, project, part) for project in [uuid4()] for part in range(2))
        await one.tell(records[::2])
        await two.tell(records[1::2])
        check(await cells(pool, one.project), told, 2.6)


async def test_any_order_partition_and_repeat_gives_the_same(pool, clock):
    told = Told()
    requests = instances(clock, told)
    outcomes = [await told_anyhow(pool, requests, Random(seed)) for seed in range(4)]
    check(outcomes[0], told, 2.6)
    assert outcomes[1:] == outcomes[:1] * 3


async def told_anyhow(pool: asyncpg.Pool, requests: Sequence[bytes], random: Random) -> Cells:
    project, records = uuid4(), [*requests, *random.choices(requests, k=10)]
    members = [OtlpMember(pool, project, partition) for partition in range(3)]
    random.shuffle(records)
    while records:
        size = random.randrange(1, 8)
        chunk = [as_json(record) if random.random() < 0.5 else record for record in records[:size]]
        await random.choice(members).tell(chunk)
        del records[:size]
    return await cells(pool, project)


async def test_two_partitions_at_once_difference_one_after_the_other(pool, clock):
    told = Told()
    requests = instances(clock, told)
    project = uuid4()
    members = [OtlpMember(pool, project, partition) for partition in range(4)]
    for first in range(0, len(requests), 8):
        share = [requests[first + place : first + 8 : 4] for place in range(4)]
        await asyncio.gather(
            *(member.tell(records) for member, records in zip(members, share, strict=True) if records)
        )
    check(await cells(pool, project), told, 2.6)


async def letters(pool: asyncpg.Pool, project: UUID) -> list[tuple[int, str, list[int]]]:
    """Return what was refused of a project: offset, reason, indices of points."""
    rows = await pool.fetch(
        """SELECT record_offset, reason, indices FROM dead_letter WHERE project_id = $1
           ORDER BY record_offset, reason""",
        project,
    )
    return [(row["record_offset"], row["reason"], json.loads(row["indices"])) for row in rows]


async def uses(pool: asyncpg.Pool, project: UUID) -> dict[int, int]:
    """Return the checkouts of each hour, counted from LAST_HOUR."""
    found = await cells(pool, project)
    return {
        (hour - int(LAST_HOUR)) // HOUR: cell.value_micro // 10**6
        for (hour, metric, _), cell in found.items()
        if metric == "feature_usage"
    }


async def test_a_start_that_is_not_told_begins_with_history_and_falls_by_resets(pool):
    member = OtlpMember(pool, uuid4())
    hours = [(LAST_HOUR - 5 * HOUR, 1000), (LAST_HOUR - 4 * HOUR, 1007), (LAST_HOUR - 3 * HOUR, 4)]
    await member.tell([request(counter(each)) for each in hours])
    assert await uses(pool, member.project) == {-4: 7, -3: 4}
    await member.tell([request(counter((LAST_HOUR, 9)))])  # after a gap, all of it is the new hour's
    await member.tell([request(counter((LAST_HOUR - HOUR, 6)))])  # and shared out when the gap is filled
    assert await uses(pool, member.project) == {-4: 7, -3: 4, -1: 2, 0: 3}


async def test_an_old_start_is_history_and_a_new_one_counts_from_zero(pool):
    old, new = OtlpMember(pool, uuid4()), OtlpMember(pool, uuid4())
    await old.tell([request(counter((LAST_HOUR, 50), started=LAST_HOUR - WEEK - 1))])
    await new.tell([request(counter((LAST_HOUR, 50), started=LAST_HOUR - WEEK + 1))])
    assert (await uses(pool, old.project), await uses(pool, new.project)) == ({}, {0: 50})


async def test_points_are_refused_one_by_one_and_the_rest_counts(pool):
    member = OtlpMember(pool, uuid4())
    late = LAST_HOUR - WEEK - HOUR
    await member.tell([request(counter((LAST_HOUR, 1)))])
    await member.tell(
        [
            request(
                counter((LAST_HOUR + 1, 3), (LAST_HOUR + 2, -1), (late, 1), (0, 1), started=LAST_HOUR - 60),
                gauge(1.0, name="nobody.knows"),
            ),
            request(gauge(1.0, name="nobody.knows")),
            request(counter((FAR / 1000 + 301, 1), (late, 1))),
            b"{",
            b"\x0a\xff",
            json.dumps({"resourceMetrics": []}).encode(),
            request({"name": "shop.checkouts", "sum": {"dataPoints": [{"asInt": {}}, {"flags": 1}]}}),
        ]
    )
    assert await letters(pool, member.project) == [
        (1, "bad_timestamp", [2, 3]),
        (1, "bad_value", [1]),
        (2, "unmapped", []),
        (3, "future", [0]),
        (3, "too_late", [1]),
        (7, "bad_schema", [0]),
    ]
    assert await uses(pool, member.project) == {0: 3}


async def test_what_has_no_room_leaves_no_trace_and_counts_when_it_has(pool):
    member = OtlpMember(pool, uuid4(), most_series=0)
    points = [request(counter((LAST_HOUR - HOUR, 5))), request(counter((LAST_HOUR, 9)))]
    await member.tell(points)
    assert [reason for _, reason, _ in await letters(pool, member.project)] == ["too_many_series"] * 2
    roomy = OtlpMember(pool, member.project, partition=1)
    await roomy.tell(points)
    assert await uses(pool, member.project) == {0: 4}


async def test_a_batch_id_in_the_header_makes_a_resend_of_deltas_known(pool):
    member, batch = OtlpMember(pool, uuid4()), [("augentis-batch-id", str(uuid4()).encode())]
    delta = counter((LAST_HOUR, 5))
    delta["sum"]["aggregationTemporality"] = "AGGREGATION_TEMPORALITY_DELTA"
    for headers in (batch, batch, (), ()):
        await member.tell([request(delta)], headers)
    assert await uses(pool, member.project) == {0: 15}


async def telemetry(pool: asyncpg.Pool, project: UUID) -> dict[int, tuple[int, int]]:
    """Close what can be closed; return value and revision of each hour, counted from LAST_HOUR."""
    at_once = Patience(timedelta(0), timedelta(days=1), timedelta(days=7))
    closer = Closer(pool, str(project), at_once)
    while await closer.tick():
        pass
    rows = await pool.fetch("SELECT * FROM telemetry WHERE project_id = $1", project)
    return {
        (int(row["timestamp"].timestamp()) - int(LAST_HOUR)) // HOUR: (row["metric_value"], row["revision"])
        for row in rows
    }


async def test_an_earlier_point_that_comes_late_takes_back_what_a_closed_hour_had(ours, pool):
    async with ours.sessions() as sessions:
        made = await found(ours.owner_url, sessions, slug="acme", email="a@acme.example", project="Shop")
    member = OtlpMember(pool, made.project_id, org=made.org_id)
    started = LAST_HOUR - 4 * HOUR
    points = [(LAST_HOUR - 3 * HOUR, 5), (LAST_HOUR - HOUR, 12), (LAST_HOUR, 12)]
    await member.tell([request(counter(*points, started=started))])
    assert await telemetry(pool, member.project) == {-3: (5, 1), -1: (7, 1)}
    late = OtlpMember(pool, member.project, 1, org=made.org_id)
    await late.tell([request(counter((LAST_HOUR - 2 * HOUR, 12), (LAST_HOUR, 12), started=started))])
    assert await telemetry(pool, member.project) == {-3: (5, 1), -2: (7, 1)}


async def kept(pool: asyncpg.Pool, project: UUID) -> list[int]:
    rows = await pool.fetch("SELECT hour FROM otlp_point WHERE project_id = $1 ORDER BY hour", project)
    return [(int(row["hour"].timestamp()) - int(LAST_HOUR)) // HOUR for row in rows]


async def test_points_are_forgotten_but_for_what_a_late_one_is_differenced_to(pool):
    day = 86400.0
    member = OtlpMember(pool, uuid4(), lateness=day)
    busy = [(LAST_HOUR + hour * HOUR, 100 + hour) for hour in range(-40, 1)]
    silent = [(LAST_HOUR - 60 * HOUR, 1), (LAST_HOUR - 30 * HOUR, 2)]
    await member.tell([request(counter(*silent, started=1.0))])
    await member.tell([request(counter(*busy))])
    before = await uses(pool, member.project)
    assert await pool.fetchval("SELECT count(*) FROM otlp_series WHERE project_id = $1", member.project) == 2
    await forget(pool, timedelta(days=1))
    # The series that went on: a day, and the point before it. The silent one: its last.
    assert await kept(pool, member.project) == sorted([-30, *range(-25, 1)])
    await member.tell([request(counter((LAST_HOUR - 24 * HOUR + 60, 77)))])
    expected = before | {-24: 2}
    del expected[-23]  # the late point had it already
    assert await uses(pool, member.project) == expected
    await member.tell([request(counter((LAST_HOUR + day, 200)))])
    await forget(pool, timedelta(days=1))
    assert -30 not in await kept(pool, member.project)
