"""Detection on a real database: late data, replays, exclusions, shadows, days without telemetry."""

import json
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest

from storage import closing, partitions
from storage.closing import Closable
from storage.partitions import month_of
from streams.close import Closer, Patience
from streams.detect import Detect
from streams.news import CORRECTED, EXCLUDED, News
from tests.world import Place, World

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
KEPT, BROKEN = 64, 42
SPAN = 60


def day(ago: int) -> datetime:
    return TODAY - timedelta(days=ago)


@pytest.fixture
async def connection(world: World) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection; what is done on it is undone."""
    async with world.database.superuser() as connection:
        transaction = connection.transaction()
        await transaction.start()
        yield connection
        await transaction.rollback()


@pytest.fixture
async def place(connection: asyncpg.Connection, world: World) -> Place:
    """A project without telemetry, whose adoption was assumed to be 60 % or more `SPAN` days ago."""
    place = world.places["a1"]
    await partitions.make(connection, {month_of(day(ago).timestamp()) for ago in range(SPAN + 1)})
    for table in (
        "telemetry",
        "partial",
        "detector_state",
        "alert_delivery",
        "report_event",
        "cascade_analysis",
        "divergence_report",
        "outbox",
    ):
        await connection.execute(f"DELETE FROM {table}")
    await connection.execute("DELETE FROM exclusion_window")
    await connection.execute("UPDATE assumption SET effective_from = $1", day(SPAN))
    await connection.execute("UPDATE project_watermark SET first_event = $1", day(SPAN))
    await connection.execute("UPDATE project_clock SET day_closed_through = $1", day(SPAN + 1).date())
    return place


async def write(connection: asyncpg.Connection, place: Place, ago: Iterable[int], percent: int) -> None:
    """Write closed hours of some days; what is there already is corrected."""
    await connection.execute(
        """INSERT INTO telemetry AS t (org_id, project_id, timestamp, metric_name, cohort, feature, id, unit,
               metric_value, numerator, denominator, sample_count, user_count, revision)
           SELECT $1, $2, d + h * interval '1 hour', 'user_adoption', 'mainstream', 'F12', gen_random_uuid(),
               '%', $4::int, 10 * ($4::int + h % 3), 1000, 1000, 0, 1
           FROM unnest($3::timestamptz[]) AS d, generate_series(0, 11) AS h
           ON CONFLICT (org_id, project_id, timestamp, metric_name, cohort, feature) DO UPDATE SET
               metric_value = EXCLUDED.metric_value, numerator = EXCLUDED.numerator,
               revision = t.revision + 1""",
        *(place.org, place.project, [day(each) for each in ago], percent),
    )


async def examine(
    connection: asyncpg.Connection, world: World, place: Place, through: int, **news: Any
) -> None:
    """Let the worker hear that days are complete through `through` days ago, and what else there is."""
    nothing: Any = None
    detect = Detect(nothing, nothing, None, webhook=False)
    await connection.execute(f'SET LOCAL ROLE "{urlsplit(world.database.worker_url).username}"')
    await detect._examine(connection, place.org, place.project, News(day(through).date(), **news))
    await connection.execute("RESET ROLE")


async def reports(connection: asyncpg.Connection) -> list[tuple[str, str | None]]:
    rows = await connection.fetch("SELECT status, resolution FROM divergence_report ORDER BY detected_at")
    return [tuple(row) for row in rows]


async def alerts(connection: asyncpg.Connection) -> list[Any]:
    rows = await connection.fetch("SELECT value FROM outbox WHERE topic = 'divergence_alerts' ORDER BY id")
    return [json.loads(row["value"]) for row in rows]


async def everything(connection: asyncpg.Connection) -> list[list[dict[str, Any]]]:
    """Return all that detection wrote, without the times of writing."""
    tables = ("divergence_report", "cascade_analysis", "detector_state")
    found = [await connection.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    return [
        [{name: row[name] for name in set(row.keys()) - {"created_at", "updated_at"}} for row in rows]
        for rows in found
    ]


async def state(connection: asyncpg.Connection, place: Place) -> asyncpg.Record:
    row = await connection.fetchrow("SELECT * FROM detector_state WHERE assumption_id = $1", place.assumption)
    assert row
    return row


async def test_late_data_and_a_replay_give_the_same_rows_to_the_bit(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 30, -1), KEPT)
    await write(connection, place, range(30, 20, -1), BROKEN)
    await write(connection, place, range(20, 0, -1), KEPT + 6)
    for through in (50, 41, 31, 28, 27, 22, 9, 1):
        await examine(connection, world, place, through)
    for late in (2, 14, 26, 40):
        await write(connection, place, [late], BROKEN if late == 26 else KEPT)
        await examine(connection, world, place, 1, changed_from=day(late) + timedelta(hours=5))
    assert await reports(connection) == [("RESOLVED", "data")]
    seen = await everything(connection)
    for table in (
        "alert_delivery",
        "report_event",
        "cascade_analysis",
        "divergence_report",
        "detector_state",
    ):
        await connection.execute(f"DELETE FROM {table}")
    await examine(connection, world, place, 1)
    assert await everything(connection) == seen
    # Not from the first day: what is gone since it was folded is still known.
    await connection.execute("DELETE FROM telemetry WHERE timestamp < $1", day(30))
    for late in (5, 14):
        await examine(connection, world, place, 1, changed_from=day(late))
    assert (await state(connection, place))["telemetry_revisions"] == seen[2][0]["telemetry_revisions"]


async def test_a_report_without_ground_is_superseded_and_one_that_has_it_again_is_told_no_second_time(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 4, -1), KEPT)
    await write(connection, place, range(4, 0, -1), BROKEN)
    await examine(connection, world, place, 1)
    assert await reports(connection) == [("OPEN", None)]
    await write(connection, place, range(4, 0, -1), KEPT)
    await examine(connection, world, place, 1, changed_from=day(4))
    assert await reports(connection) == [("SUPERSEDED", CORRECTED)]
    await write(connection, place, range(4, 0, -1), BROKEN)
    await examine(connection, world, place, 1, changed_from=day(4))
    assert await reports(connection) == [("OPEN", None)]
    (told,) = await alerts(connection)
    row = await connection.fetchrow("SELECT * FROM divergence_report")
    assert row
    assert (told["type"], told["data"]["id"]) == ("divergence.detected", str(row["id"]))
    assert told["data"]["incident_id"] == str(row["incident_id"])
    assert (told["data"]["days"], told["data"]["lane"]) == (row["days"], row["lane"])
    assert (row["configuration"], row["telemetry_digest"], row["launch"], row["shadow"]) != (
        None,
        None,
        False,
        False,
    )


async def test_a_report_whose_ground_went_in_steps_is_superseded_at_the_last(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 8, -1), KEPT)
    await write(connection, place, range(8, 0, -1), BROKEN)
    await examine(connection, world, place, 1)
    await write(connection, place, range(8, 4, -1), KEPT)
    await examine(connection, world, place, 1, changed_from=day(8), more=True)
    assert await reports(connection) == [("OPEN", None)]
    await write(connection, place, range(4, 0, -1), KEPT)
    await examine(connection, world, place, 1, changed_from=day(4))
    assert await reports(connection) == [("SUPERSEDED", CORRECTED)]


@pytest.mark.parametrize(("more", "opened"), [(True, []), (False, [("SUPERSEDED", CORRECTED)])])
async def test_half_a_correction_proves_nothing(
    connection: asyncpg.Connection, world: World, place: Place, more: Any, opened: list[Any]
):
    await write(connection, place, range(60, 0, -1), KEPT)
    await examine(connection, world, place, 1)
    # What will be taken for a wrong denominator is corrected in two steps.
    await write(connection, place, range(12, 6, -1), BROKEN)
    await examine(connection, world, place, 1, changed_from=day(12), more=more)
    stands = await state(connection, place)
    assert (stands["folded_through"] < day(12).date()) == more
    await write(connection, place, range(12, 6, -1), KEPT)
    await examine(connection, world, place, 1, changed_from=day(6))
    if not more:
        await examine(connection, world, place, 1, changed_from=day(12))
    assert await reports(connection) == opened
    assert (await state(connection, place))["folded_through"] == day(1).date()


async def test_a_gross_breach_is_told_within_its_day_and_not_again_at_its_end(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 1, -1), KEPT)
    await examine(connection, world, place, 2)
    await write(connection, place, [1], BROKEN // 2)
    await examine(connection, world, place, 2, changed_from=day(1))
    assert await reports(connection) == [("OPEN", None)]
    assert (await state(connection, place))["status"] == "DIVERGED"
    (told,) = await alerts(connection)
    assert day(1) < datetime.fromisoformat(told["data"]["detected_at"]) <= day(1) + timedelta(hours=12)
    assert (told["data"]["lane"], told["data"]["classification"]) == ("fast", "MINOR")
    assert told["data"]["actual_number"] == pytest.approx(BROKEN // 2, abs=2)
    # What is shown of it is that of the hour, not of the day before, and stays until something else holds.
    shown = await state(connection, place)
    verdict = json.loads(shown["verdict"])
    assert (verdict["status"], verdict["lane"]) == ("DIVERGED", "fast")
    assert datetime.fromisoformat(verdict["at"]) == datetime.fromisoformat(told["data"]["detected_at"])
    assert verdict["mean"] == pytest.approx(BROKEN // 2, abs=2)
    assert shown["folded_through"] == day(2).date()
    await examine(connection, world, place, 2, changed_from=day(1) + timedelta(hours=11))
    assert await state(connection, place) == shown
    before, _, _ = await everything(connection)
    await examine(connection, world, place, 1)
    after, _, _ = await everything(connection)
    assert (after, len(await alerts(connection))) == (before, 1)


async def test_a_gross_breach_that_was_none_is_superseded_before_its_day_ends(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 1, -1), KEPT)
    await write(connection, place, [1], BROKEN // 2)
    await examine(connection, world, place, 2)
    await write(connection, place, [1], KEPT)
    await examine(connection, world, place, 2, changed_from=day(1))
    assert await reports(connection) == [("SUPERSEDED", CORRECTED)]
    stands = await state(connection, place)
    assert (stands["status"], json.loads(stands["verdict"])["status"]) == ("OK", "OK")


async def test_hours_that_are_taken_out_are_in_no_verdict_and_in_no_report(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 5, -1), KEPT)
    await write(connection, place, range(5, 0, -1), BROKEN)
    window = (
        """INSERT INTO exclusion_window (org_id, id, project_id, starts_at, ends_at, kind, reason, created_by)
           VALUES ($1, $2, $3, $4, $5, 'INCIDENT', 'the gateway was down', $6)""",
        *(place.org, uuid4(), place.project, day(5), TODAY, world.ann),
    )
    await connection.execute(*window)
    await examine(connection, world, place, 1)
    assert await reports(connection) == []
    stands = await state(connection, place)
    assert stands["status"] == "EXCLUDED"
    assert json.loads(stands["verdict"])["status"] == "OK"
    await connection.execute("UPDATE exclusion_window SET ends_at = $1 WHERE starts_at = $2", day(4), day(5))
    await examine(connection, world, place, 1, changed_from=day(5), reason=EXCLUDED)
    row = await connection.fetchrow("SELECT * FROM divergence_report")
    assert row
    days = (row["last_hour"] - day(60)).days + 1
    assert row["detected_at"] > day(4)
    assert row["sample_count"] == 1000 * (12 * (days - 2) + row["last_hour"].hour + 1)
    assert row["days"] == (row["detected_at"] - day(60)).days - 1


async def test_a_shadow_is_silent_and_what_outlasts_it_is_told_once(
    connection: asyncpg.Connection, world: World, place: Place
):
    await connection.execute("SET LOCAL session_replication_role = replica")  # what is approved is frozen
    await connection.execute("UPDATE assumption SET shadow_days = 20")
    await write(connection, place, range(60, 0, -1), BROKEN)
    await examine(connection, world, place, 45)
    assert await reports(connection) == [("OPEN", None)]
    assert await alerts(connection) == []
    for through in (41, 40, 39, 30):
        await examine(connection, world, place, through)
    assert await reports(connection) == [("RESOLVED", "shadow ended"), ("OPEN", None)]
    (told,) = await alerts(connection)
    assert (told["type"], told["data"]["shadow"]) == ("divergence.detected", False)
    assert told["data"]["detected_at"] == day(39).isoformat()
    marked = await connection.fetch("SELECT shadow FROM divergence_report ORDER BY detected_at")
    assert [row["shadow"] for row in marked] == [True, False]


async def test_in_its_launch_grace_an_assumption_learns_nothing_and_says_so(
    connection: asyncpg.Connection, world: World, place: Place
):
    await connection.execute("SET LOCAL session_replication_role = replica")
    await connection.execute("UPDATE assumption SET launch_grace_days = 30")
    await write(connection, place, range(60, 20, -1), BROKEN)
    await examine(connection, world, place, 35)
    assert (await state(connection, place))["status"] == "LEARNING"
    assert await reports(connection) == []
    await examine(connection, world, place, 20)
    first = await connection.fetchrow("SELECT first_hour, launch FROM divergence_report")
    assert first
    assert tuple(first) == (day(30), True)


async def test_days_without_telemetry_are_no_data_and_the_last_verdict_stays(
    connection: asyncpg.Connection, world: World, place: Place
):
    await examine(connection, world, place, 50)
    stands = await state(connection, place)
    assert (stands["status"], stands["verdict"], stands["folded_through"]) == (
        "NO_DATA",
        None,
        day(50).date(),
    )
    await write(connection, place, range(49, 30, -1), KEPT)
    await examine(connection, world, place, 31)
    spoken = (await state(connection, place))["verdict"]
    await examine(connection, world, place, 20)
    stands = await state(connection, place)
    assert (stands["status"], stands["verdict"]) == ("NO_DATA", spoken)
    assert json.loads(spoken)["status"] == "OK"


async def test_another_versions_state_is_folded_anew(
    connection: asyncpg.Connection, world: World, place: Place
):
    await write(connection, place, range(60, 0, -1), BROKEN)
    await examine(connection, world, place, 1)
    seen = await everything(connection)
    await connection.execute("UPDATE detector_state SET state = '{\"sums\": 1}', checkpoints = '[{}]'")
    await examine(connection, world, place, 1)
    assert await everything(connection) == seen


async def test_letters_of_a_long_correction_say_that_more_follows(
    connection: asyncpg.Connection, place: Place
):
    hours = [day(20) + timedelta(hours=number) for number in range(80)]
    await connection.execute(
        "UPDATE project_clock SET closed_through = $1, day_closed_through = $2", TODAY, TODAY
    )
    await connection.execute(
        """INSERT INTO partial (org_id, project_id, hour, metric_name, cohort, feature, sample_count,
               revision, topic, partition, value_micro, of_micro, dirty)
           SELECT $1, $2, h, 'user_adoption', '', '', 1, 1, 'raw_metrics', 0, 1, 1, true
           FROM unnest($3::timestamptz[]) AS h""",
        *(place.org, place.project, hours),
    )
    nothing: Any = None
    closer = Closer(nothing, "ingest", Patience(timedelta(), timedelta(), timedelta(days=7)))
    project = Closable(place.org, place.project, TODAY, day(SPAN), day(SPAN))
    for _ in range(2):
        assert await closer._close(connection, project)
    assert not await closing.has_more(connection, project, TODAY)
    rows = await connection.fetch("SELECT value FROM outbox WHERE topic = 'telemetry_closed' ORDER BY id")
    said = [json.loads(row["value"]) for row in rows]
    assert [(each["first"], each["more"]) for each in said] == [
        (hours[0].isoformat(), True),
        (hours[72].isoformat(), False),
    ]
