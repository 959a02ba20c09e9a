"""The series of a project over HTTP: when each was last seen, in closed hours and in open ones."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from metrics.cell import Cell
from metrics.names import Metric
from storage import closing, series
from storage.closing import Closable, HourCell
from storage.tables import Partial, ProjectClock, Series
from tests.integration.conftest import Tokens
from tests.integration.test_api import add
from tests.undone import undone
from tests.world import HOUR, Place, World

OPEN = HOUR + timedelta(hours=3)


@pytest.fixture
async def place(world: World) -> AsyncIterator[Place]:
    """A project of A with four series: two of closed hours, one of open ones too, one never seen."""
    place = Place(world.a, world.places["a1"].workspace)
    within: dict[str, Any] = {"org_id": place.org, "project_id": place.project}
    cells: dict[str, Any] = {
        **within,
        "metric_name": "retention",
        "feature": "",
        "topic": "raw_metrics",
        "partition": 0,
        "value_micro": 1,
        "of_micro": 1,
        "sample_count": 1,
        "revision": 1,
        "dirty": True,
    }
    async with world.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               VALUES ($1, $2, $3, $4, 'It takes too long.', $5)""",
            *(place.org, place.project, place.workspace, f"Series {place.project}", world.ann),
        )
    await add(
        world,
        ProjectClock(**within, closed_through=OPEN, day_closed_through=OPEN.date()),
        Series(**within, metric_name="crash_rate", cohort="", feature=""),
        Series(**within, metric_name="retention", cohort="closed", feature="", last_hour=HOUR),
        Series(**within, metric_name="retention", cohort="open", feature="", last_hour=HOUR),
        Series(**within, metric_name="user_adoption", cohort="", feature="F1", last_hour=OPEN),
        Partial(**cells, hour=HOUR, cohort="closed"),
        Partial(**cells, hour=OPEN, cohort="open"),
        Partial(**cells, hour=OPEN + timedelta(hours=1), cohort="open"),
    )
    yield place
    async with world.database.superuser() as connection:
        for table in ("series", "partial", "project_clock"):
            await connection.execute(f"DELETE FROM {table} WHERE project_id = $1", place.project)
        await connection.execute("DELETE FROM project WHERE id = $1", place.project)


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


UNSEEN = ("crash_rate", "", "", None)
CLOSED = ("retention", "closed", "", text(HOUR))
STILL_OPEN = ("retention", "open", "", text(OPEN + timedelta(hours=1)))
NEWEST = ("user_adoption", "", "F1", text(OPEN))


async def test_when_each_series_was_last_seen(http: httpx.AsyncClient, place: Place, bearer: Tokens):
    async def listed(**params: str | int) -> list[tuple[object, ...]]:
        answer = await http.get(f"/v1/projects/{place.project}/series", headers=bearer("ann"), params=params)
        assert answer.status_code == 200, answer.text
        return [
            (row["metric_name"], row["cohort"], row["feature"], row["last_hour"])
            for row in answer.json()["items"]
        ]

    everything = [UNSEEN, CLOSED, STILL_OPEN, NEWEST]
    assert await listed() == everything
    assert await listed(sort="-metric_name") == everything[::-1]
    assert await listed(metric_name="retention") == [CLOSED, STILL_OPEN]
    assert await listed(cohort="") == [UNSEEN, NEWEST]
    assert await listed(feature="F1") == [NEWEST]
    assert await listed(since=text(HOUR)) == [CLOSED, STILL_OPEN, NEWEST], "inclusive"
    assert await listed(since=text(HOUR + timedelta(seconds=1))) == [STILL_OPEN, NEWEST]
    assert await listed(since=text(OPEN + timedelta(hours=1))) == [STILL_OPEN]
    assert await listed(limit=1) == [UNSEEN]


async def test_series_come_in_pages(http: httpx.AsyncClient, place: Place, bearer: Tokens):
    path, found, cursor = f"/v1/projects/{place.project}/series", [], None
    while True:
        params = {"limit": "1", **({"cursor": cursor} if cursor else {})}
        page = (await http.get(path, headers=bearer("ann"), params=params)).json()
        found += [row["metric_name"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["crash_rate", "retention", "retention", "user_adoption"]


async def test_closing_notes_the_newest_hour_and_never_an_older_one(world: World):
    place = world.places["a1"]
    project = Closable(place.org, place.project, OPEN, HOUR, HOUR)

    def hours(*moments: datetime) -> list[HourCell]:
        return [
            HourCell(each, Metric.USER_ADOPTION, "mainstream", "F12", Cell(samples=1)) for each in moments
        ]

    async with undone(world) as connection:

        async def last() -> object:
            return await connection.fetchval(
                "SELECT last_hour FROM series WHERE project_id = $1", place.project
            )

        assert await last() is None
        await series.note(connection, project, hours(OPEN, HOUR))
        assert await last() == OPEN
        await series.note(connection, project, hours(HOUR))
        assert await last() == OPEN
        others = await connection.fetch("SELECT last_hour FROM series WHERE project_id <> $1", place.project)
        assert {row["last_hour"] for row in others} == {None}


async def test_a_topic_that_was_unbound_holds_no_hour_open(world: World):
    place, topic = world.places["a1"], f"raw_metrics.{uuid4()}"
    async with undone(world) as connection:
        await connection.execute("DELETE FROM project_watermark")
        await connection.execute("DELETE FROM project_clock")
        for name, event in (("raw_metrics", OPEN), (topic, HOUR)):
            await _seen(connection, place, name, event)
        await connection.execute(
            "INSERT INTO topic_binding (org_id, project_id, topic) VALUES ($1, $2, $3)",
            *(place.org, place.project, topic),
        )
        assert await _through(connection) is None, "the bound topic is behind"
        await connection.execute("UPDATE topic_binding SET unbound_at = now() WHERE topic = $1", topic)
        assert await _through(connection) == OPEN


async def _seen(connection: asyncpg.Connection, place: Place, topic: str, event: datetime) -> None:
    await connection.execute(
        """INSERT INTO project_watermark
               (org_id, project_id, topic, partition, first_event, event_time, seen_at)
           VALUES ($1, $2, $3, 0, $4, $5, now())""",
        *(place.org, place.project, topic, HOUR, event),
    )
    await connection.execute(
        """INSERT INTO partition_ledger
               (consumer, topic, partition, next_offset, epoch, owner, topic_id, fresh_at)
           VALUES ('test', $1, 0, 0, 1, 'w', 'id', now())""",
        topic,
    )


async def _through(connection: asyncpg.Connection) -> datetime | None:
    found = await closing.closable(connection, "test", timedelta(0), timedelta(seconds=30), timedelta(days=7))
    return found[0].through if found else None
