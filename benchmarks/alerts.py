"""From a report's commit to its webhook: `make bench-alerts`.

An embedded stack, a relay, a receiver in a process of its own that verifies each signature and notes when it
came. Reports are committed at a steady rate whatever becomes of them (open loop); the clock of both ends is
this machine's monotonic one, from just before COMMIT to the whole body received. (a) The curve: so many
deliveries wait already, of a dead channel of another organisation, of one that the same route tells of
each report too, or in the operator's outbox. (b) The highest rate at which 99 of 100 come within 2 s.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg
import psutil

from benchmarks.ground import Ground, ground
from storage import channel_secrets
from tests.chaos.alerts.inbox import received

GOAL = 2.0
ORGANISATIONS = 10
MOST_AWAY = 16
"""Connections that commit reports."""
LATE = 20.0
"""Seconds that the last reports of a line have to arrive."""
DEAD = "http://127.0.0.1:9/dead"
"""Nobody listens there (discard)."""
_PLACE = """WITH o AS (INSERT INTO organization (id, name, slug) VALUES ($1, 'A bench', $2)),
    m AS (INSERT INTO organization_members (org_id, user_id, role_in_org) VALUES ($1, $3, 'ADMIN')),
    w AS (INSERT INTO workspace (org_id, id, name, created_by) VALUES ($1, $4, 'Main', $3)),
    p AS (INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
          VALUES ($1, $5, $4, 'Checkout', 'It takes too long to pay.', $3)),
    a AS (INSERT INTO artifact (org_id, id, project_id, type, key, created_by)
          VALUES ($1, $6, $5, 'PRD', 'prd', $3))
    INSERT INTO assumption (org_id, id, project_id, artifact_id, key, statement, metric_name, cohort, feature,
        operator, value, unit, tolerance, tolerance_kind, divergence_type, evidence_tier, effective_from,
        min_users, owner, runbook_url)
    VALUES ($1, $7, $5, $6, 'a', '', 'user_adoption', 'mainstream', 'F12', '>=', 60, '%', 0, 'absolute',
        'FEATURE_ADOPTION_MISS', 'E2', '2026-01-01', 0, '', '')"""
_CHANNEL = """INSERT INTO alert_channel
    (org_id, id, name, kind, settings, sealed, rate_per_minute, created_by)
    VALUES ($1, $2, $3, 'webhook', jsonb_build_object('url', $4::text), $5, 6000, $6)"""
_AT_ONCE = """UPDATE alert_route SET group_by = 'report', group_wait = '0', storm_at = 100000
    WHERE org_id = $1"""
_TELL = """INSERT INTO alert_route_channel (org_id, route_id, channel_id, role)
    SELECT org_id, id, $2, 'notify' FROM alert_route WHERE org_id = $1 AND is_default"""
_REPORT = """INSERT INTO divergence_report
    (org_id, id, project_id, artifact_id, assumption_id, divergence_type, metric_name, cohort, feature,
     assumed_value, actual_value, assumed_number, actual_number, unit, relative_gap,
     assumption_evidence_tier, telemetry_evidence_tier, tier_delta, classification, summary, e_value,
     threshold, sample_count, user_count, first_hour, last_hour, detected_at)
    VALUES ($1, $2, $3, $4, $5, 'FEATURE_ADOPTION_MISS', 'user_adoption', 'mainstream', 'F12',
     '60 %', '42 %', 60, 42, '%', -0.3, 'E2', 'E4', 2, 'MINOR', 'We assumed more.', 1e9, 3650, 1000, 1000,
     $6::timestamptz - interval '2 days', $6::timestamptz - interval '1 hour', $6)"""
_CASCADE = """INSERT INTO cascade_analysis (org_id, id, divergence_id, project_id, affected_features,
    affected_code_modules, reexecution_scope_days, full_redesign_days, recommendation)
    VALUES ($1, gen_random_uuid(), $2, $3, '["F12"]', '["checkout_page"]', 3, 15, 'REEXECUTE')"""
_WAITING = """INSERT INTO alert_delivery (org_id, channel_id, id, project_id, thread_id, sequence, kind, body,
    headers, next_attempt_at)
    SELECT $1, $2, gen_random_uuid(), $3, gen_random_uuid(), n, 'detected', convert_to(repeat('x', 2000),
        'UTF8'), '{}', now() FROM generate_series(1, $4::int) AS n"""
_LANE = """INSERT INTO alert_lane (org_id, channel_id, sequences, due_at) VALUES ($1, $2, $3, now())
    ON CONFLICT (org_id, channel_id) DO UPDATE SET sequences = excluded.sequences, due_at = now()"""
_OUTBOX = """INSERT INTO outbox (org_id, destination, topic, value, headers)
    SELECT $1, 'webhook', gen_random_uuid()::text, convert_to(repeat('x', 2000), 'UTF8'), '{}'
    FROM generate_series(1, $2::int)"""
_QUIET = """TRUNCATE alert_due, alert_told, alert_delivery, alert_lane, outbox;
    DELETE FROM alert_route_channel AS r USING alert_channel AS c
        WHERE (c.org_id, c.id) = (r.org_id, r.channel_id) AND c.name = 'Dead';
    TRUNCATE alert_due;"""


class Place(NamedTuple):
    """Where reports are made, and the channels that are told: a live one, and one that nobody listens at."""

    org: UUID
    project: UUID
    artifact: UUID
    assumption: UUID
    dead: UUID


@dataclass(frozen=True)
class Line:
    """What a line of the curve came to: seconds of each report that arrived, and what the relay took."""

    what: str
    rate: float
    sent: int
    seconds: list[float]
    memory: float
    cpu: float

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98] if len(self.seconds) > 1 else float("inf")

    @property
    def kept(self) -> bool:
        return len(self.seconds) == self.sent and self.p99 < GOAL

    def said(self) -> str:
        half = statistics.median(self.seconds) if self.seconds else float("inf")
        return (
            f"{self.what:<50}{self.rate:>10.0f}{len(self.seconds):>10,}{self.sent - len(self.seconds):>7,}"
            f"{half:>9.3f}{self.p99:>9.3f}{max(self.seconds, default=float('inf')):>9.3f}"
            f"{self.memory:>8.0f}{self.cpu:>7.0%}"
        )


HEAD = (
    f"{'waiting already':<50}{'reports/s':>10}{'received':>10}{'lost':>7}"
    f"{'p50 s':>9}{'p99 s':>9}{'most s':>9}{'MiB':>8}{'CPU':>7}"
)


class Bench:
    """A stack with places to make reports in, a receiver and a relay."""

    def __init__(self, on: Ground, record: Path, relay: psutil.Process, places: Sequence[Place]) -> None:
        self._on, self._record, self._relay, self._places = on, record, relay, places
        self._moments = count()

    async def line(self, what: str, rate: float, seconds: float) -> Line:
        """Commit reports for so many seconds, wait for what comes, and return how soon it did."""
        pool = await asyncpg.create_pool(self._on.superuser, min_size=MOST_AWAY, max_size=MOST_AWAY)
        used, began = sum(self._relay.cpu_times()[:2]), time.monotonic()
        try:
            sent = await self._send(pool, rate, seconds)
            cpu = (sum(self._relay.cpu_times()[:2]) - used) / (time.monotonic() - began)
        finally:
            await pool.close()
        came = await self._come(sent)
        late = [came[id_] - at for id_, at in sent.items() if id_ in came]
        return Line(what, len(sent) / seconds, len(sent), late, self._relay.memory_info().rss / 2**20, cpu)

    async def _send(self, pool: asyncpg.Pool, rate: float, seconds: float) -> dict[str, float]:
        sent: dict[str, float] = {}
        tasks, began = [], time.monotonic()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(began + number / rate - time.monotonic())
            place = self._places[number % len(self._places)]
            tasks.append(asyncio.create_task(self._commit(pool, place, sent)))
        await asyncio.gather(*tasks)
        return sent

    async def _commit(self, pool: asyncpg.Pool, place: Place, sent: dict[str, float]) -> None:
        id_ = uuid4()
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=next(self._moments))
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(_REPORT, *place[:1], id_, *place[1:4], at)
            await connection.execute(_CASCADE, place.org, id_, place.project)
            sent[str(id_)] = time.monotonic()
            await transaction.commit()

    async def _come(self, sent: dict[str, float]) -> dict[str, float]:
        """Return when each was received first, once all were or time is up."""
        last = time.monotonic() + LATE
        while True:
            came: dict[str, float] = {}
            for each in received(self._record):
                came.setdefault(each.subject, each.at)
            if sent.keys() <= came.keys() or time.monotonic() > last:
                return came
            await asyncio.sleep(0.5)

    async def quiet(self) -> None:
        """Let nothing wait."""
        await self._do(_QUIET)

    async def another(self, waiting: int) -> None:
        """Let so many wait for a dead channel of another organisation."""
        await self.quiet()
        await self._wait(self._places[-1], waiting)

    async def own(self, waiting: int) -> None:
        """Let so many wait for dead channels of the same organisations, which are told of each report too."""
        await self.quiet()
        for place in self._places[:-1]:
            await self._do(_TELL, place.org, place.dead)
            await self._wait(place, waiting // (len(self._places) - 1))

    async def outbox(self, waiting: int) -> None:
        """Let so many wait in the operator's outbox, for a webhook that there is not."""
        await self.quiet()
        await self._do(_OUTBOX, self._places[0].org, waiting)

    async def _wait(self, place: Place, waiting: int) -> None:
        if waiting:
            await self._do(_WAITING, place.org, place.dead, place.project, waiting)
            await self._do(_LANE, place.org, place.dead, waiting)

    async def _do(self, sql: str, *values: object) -> None:
        connection = await asyncpg.connect(self._on.superuser)
        try:
            await connection.execute(sql, *values)
            await connection.execute("ANALYZE alert_delivery, alert_lane, outbox")
        finally:
            await connection.close()


async def make_places(on: Ground, address: str, secret: str) -> list[Place]:
    """Make organisations, each with an assumption, a live channel and a dead one; copies of the first."""
    connection = await asyncpg.connect(on.superuser)
    try:
        return [await _place(connection, on, number, address, secret) for number in range(ORGANISATIONS + 1)]
    finally:
        await connection.close()


async def _place(connection: asyncpg.Connection, on: Ground, number: int, address: str, secret: str) -> Place:
    org, workspace, project, artifact, assumption, live, dead = (uuid4() for _ in range(7))
    sealed = channel_secrets.seal(on.env["AUGENTIS_SECRET_KEY"], {"secrets": [secret]})
    user = await connection.fetchval("SELECT id FROM app_user LIMIT 1")
    ids = (user, workspace, project, artifact, assumption)
    await connection.execute(_PLACE, org, f"bench-{number}", *ids)
    await connection.execute(_CHANNEL, org, live, "Live", f"{address}/{number}", sealed, user)
    await connection.execute(_CHANNEL, org, dead, "Dead", DEAD, sealed, user)
    await connection.execute(_AT_ONCE, org)
    await connection.execute(_TELL, org, live)
    return Place(org, project, artifact, assumption, dead)


@contextmanager
def inbox(record: Path, secret: str) -> Iterator[int]:
    """Run the receiver for the length of a block; yield its port."""
    arguments = [sys.executable, "-m", "tests.chaos.alerts.inbox", str(record), "--secret", secret]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@contextmanager
def relay(on: Ground) -> Iterator[psutil.Process]:
    """Run a relay for the length of a block."""
    with (on.home / "relay.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "cli.main", "relay"], env=on.env, stderr=log)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


async def main(sizes: Sequence[int], rate: float, seconds: float, rates: Sequence[float]) -> bool:
    """Print the curve and the highest rate; say whether the goal is met on all of the curve."""
    secret = channel_secrets.generated()
    with tempfile.TemporaryDirectory() as folder, inbox(record := Path(folder) / "inbox", secret) as port:
        settings = {"AUGENTIS_WEBHOOK_ALLOW": "127.0.0.1", "AUGENTIS_LOG_LEVEL": "error"}
        with ground(4, settings) as on:
            places = await make_places(on, f"http://127.0.0.1:{port}", secret)
            with relay(on) as process:
                bench = Bench(on, record, process, places)
                await bench.line("warming up", rate, 5)
                kept = await _curve(bench, sizes, rate, seconds)
                await _highest(bench, rates, seconds / 4)
    return kept


async def _curve(bench: Bench, sizes: Sequence[int], rate: float, seconds: float) -> bool:
    print(HEAD, flush=True)
    kept = []
    for what, wait in (
        ("for another organisation's dead channel", bench.another),
        ("for the same organisations' dead channels", bench.own),
        ("in the operator's outbox", bench.outbox),
    ):
        for size in sizes:
            await wait(size)
            line = await bench.line(f"{size:,} {what}", rate, seconds)
            kept.append(line.kept)
            print(line.said(), flush=True)
    return all(kept)


async def _highest(bench: Bench, rates: Sequence[float], seconds: float) -> None:
    most = 0.0
    for rate in rates:
        await bench.quiet()
        line = await bench.line("nothing", rate, seconds)
        print(line.said(), flush=True)
        if not line.kept:
            break
        most = line.rate
    print(f"\nhighest rate of which 99 of 100 came within {GOAL:g} s: {most:.0f} reports/s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, nargs="*", default=[0, 1_000, 10_000, 100_000])
    parser.add_argument("--rate", type=float, default=100.0, help="reports a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="of a line of the curve")
    parser.add_argument("--rates", type=float, nargs="*", default=[100, 200, 300, 400, 600, 800])
    given = parser.parse_args()
    sys.exit(0 if asyncio.run(main(given.waiting, given.rate, given.seconds, given.rates)) else 1)
