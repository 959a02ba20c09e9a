"""Open hours over HTTP: shown as far as they are known, and only where they are asked for."""

from datetime import timedelta

import httpx
import pytest

from storage.tables import Partial, ProjectClock
from tests.integration.test_api import add
from tests.world import HOUR, Place, World, telemetry

OPEN = HOUR + timedelta(hours=3)


def partial(place: Place, hour, value: int, *, partition: int = 0, cohort: str = "mainstream") -> Partial:
    return Partial(
        org_id=place.org,
        project_id=place.project,
        hour=hour,
        metric_name="user_adoption",
        cohort=cohort,
        feature="F12",
        topic="raw_metrics",
        partition=partition,
        value_micro=value * 1_000_000,
        of_micro=100 * 1_000_000,
        sample_count=4,
        revision=1,
        dirty=True,
    )


@pytest.fixture
async def place(world: World):
    """A project of A with one closed hour, open ones of two partitions and cohorts, and nothing else."""
    place = Place(world.a, world.places["a1"].workspace)
    async with world.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               VALUES ($1, $2, $3, $4, 'It takes too long.', $5)""",
            place.org,
            place.project,
            place.workspace,
            f"Open {place.project}",
            world.ann,
        )
    await add(
        world,
        ProjectClock(
            org_id=place.org, project_id=place.project, closed_through=OPEN, day_closed_through=OPEN.date()
        ),
        telemetry(place, OPEN - timedelta(hours=1), 42),
        partial(place, OPEN - timedelta(hours=1), 99),
        partial(place, OPEN, 30),
        partial(place, OPEN, 10, partition=1),
        partial(place, OPEN + timedelta(hours=1), 50, cohort="enterprise"),
    )
    yield place
    async with world.database.superuser() as connection:
        for table in ("telemetry", "partial", "project_clock"):
            await connection.execute(f"DELETE FROM {table} WHERE project_id = $1", place.project)
        await connection.execute("DELETE FROM project WHERE id = $1", place.project)


async def hours(http: httpx.AsyncClient, place: Place, headers: dict[str, str], **params: str | int):
    answer = await http.get(f"/v1/projects/{place.project}/telemetry", headers=headers, params=params)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return [
        (row["timestamp"], row["cohort"], row["metric_value"], row["sample_count"], row["provisional"])
        for row in page["items"]
    ], page["next_cursor"]


async def test_open_hours_come_first_and_merge_all_partitions(http, bearer, place: Place):
    rows, _ = await hours(http, place, bearer("vic"), include="open", since=OPEN.isoformat())
    assert rows == [
        ("2026-11-01T14:00:00Z", "enterprise", 50.0, 4, True),
        ("2026-11-01T13:00:00Z", "mainstream", 20.0, 8, True),
    ]


async def test_nobody_sees_them_unasked(http, bearer, place: Place):
    rows, _ = await hours(http, place, bearer("vic"), since=(OPEN - timedelta(hours=1)).isoformat())
    assert rows == [("2026-11-01T12:00:00Z", "mainstream", 42.0, 10, False)]


async def test_pages_go_on_from_open_hours_to_closed_ones(http, bearer, place: Place):
    found: list[tuple[str, str, float, int, bool]] = []
    cursor = None
    while len(found) < 3:
        more: dict[str, str | int] = {"cursor": cursor} if cursor else {}
        rows, cursor = await hours(http, place, bearer("vic"), include="open", limit=1, **more)
        found += rows
    assert [(at[11:13], open_) for at, _, _, _, open_ in found] == [("14", True), ("13", True), ("12", False)]


async def test_rising_they_come_last(http, bearer, place: Place):
    found: list[str] = []
    cursor = None
    while len(found) < 3:
        more: dict[str, str | int] = {"cursor": cursor} if cursor else {}
        rows, cursor = await hours(
            http, place, bearer("vic"), include="open", sort="timestamp", limit=1, **more
        )
        found += [at[11:13] for at, *_ in rows]
    assert (found, cursor) == (["12", "13", "14"], None)


async def test_filters_hold_for_open_hours_too(http, bearer, place: Place):
    rows, _ = await hours(
        http, place, bearer("vic"), include="open", cohort="enterprise", until="2026-11-01T15:00:00Z"
    )
    assert [cohort for _, cohort, _, _, _ in rows] == ["enterprise"]
