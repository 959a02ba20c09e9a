"""Hours and holidays that a team takes out of detection, over HTTP, and what detection reads of them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import asyncpg
import pytest

from detectors.assumptions import Assumption
from settings import Settings
from storage.exclusions import excluded
from storage.outbox import CHANNEL
from streams.close import TOPIC
from streams.news import read_news
from tests.integration.teams import Team, opened, slug
from tests.world import World

PAGE = Path(__file__).parents[2] / "docs" / "exclusions.md"
HOURS = {"starts_at": "2026-11-01T10:20:00Z", "ends_at": "2026-11-01T12:00:00Z"}
WINDOW = {**HOURS, "kind": "LOAD_TEST", "reason": "ten times the traffic"}
BEGINS = datetime(2026, 11, 1, 10, 20, tzinfo=UTC)
CLOSED = {"day": "2026-12-24", "name": "closed"}
AUSTRIA = {"country": "AT", "first_year": 2026, "last_year": 2026}


@pytest.fixture
async def team(changing_world: World, settings: Settings) -> AsyncIterator[Team]:
    async with opened(changing_world.database, settings) as team:
        yield team


async def path_of(team: Team, what: str) -> str:
    return f"projects/{(await team.project())['id']}/{what}"


class Judged(NamedTuple):
    org_id: UUID
    project_id: UUID
    assumption: Assumption


def judged(team: Team, path: str, **named: Any) -> Judged:
    stated = {"key": "one", "metric_name": "latency_p50", "operator": "<=", "value": 50, **named}
    return Judged(team.org, UUID(path.split("/")[1]), Assumption.model_validate(stated))


async def hours_out(world: World, item: Judged, around: datetime = BEGINS) -> list[int]:
    """Return which of the 24 hours about a moment detection leaves out, counted from 12 before it."""
    first = around.replace(minute=0) - timedelta(hours=12)
    connection = await asyncpg.connect(world.database.worker_url)
    try:
        found = await excluded(connection, item, first, first + timedelta(days=1))
    finally:
        await connection.close()
    return [n for n in range(24) if found.covers(first + timedelta(hours=n))]


async def letters(world: World, team: Team) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what waits for detection to read: key, topic and body."""
    async with world.database.superuser() as connection:
        rows = await connection.fetch(
            "SELECT key, topic, value FROM outbox WHERE org_id = $1 ORDER BY id",
            team.org,
        )
    return [(row["key"].decode(), row["topic"], json.loads(row["value"])) for row in rows]


async def test_a_window_is_made_read_listed_and_taken_back(team: Team):
    path = await path_of(team, "exclusions")
    answer = await team.ask("max", "POST", path, json=WINDOW)
    made = answer.json()
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/{path}/{made['id']}"
    assert {name: made[name] for name in WINDOW} == WINDOW
    assert (made["metric_name"], made["cohort"], made["feature"]) == (None, "", "")
    assert (made["created_by"], made["removed_at"]) == (str(team.people["max"]), None)
    assert await team.read(f"{path}/{made['id']}") == made
    assert (await team.read(path))["items"] == [made]

    assert (await team.ask("ann", "DELETE", f"{path}/{made['id']}")).status_code == 204
    assert (await team.read(path))["items"] == []
    [kept] = (await team.read(path, include_removed=True))["items"]
    assert kept["removed_by"] == str(team.people["ann"])
    assert kept["removed_at"] > kept["created_at"]
    assert (await team.ask("max", "DELETE", f"{path}/{made['id']}")).status_code == 204
    assert await team.read(f"{path}/{made['id']}") == kept, "who did it first has done it"


async def test_windows_are_found_by_the_time_they_reach_into(team: Team):
    path = await path_of(team, "exclusions")
    for day in (1, 2, 3):
        span = {"starts_at": f"2026-11-0{day}T22:00:00Z", "ends_at": f"2026-11-0{day + 1}T02:00:00+02:00"}
        await team.made(path, **{**WINDOW, **span})

    async def found(**filters: Any) -> list[int]:
        return [int(each["starts_at"][8:10]) for each in (await team.read(path, **filters))["items"]]

    assert await found() == [3, 2, 1]
    assert await found(sort="starts_at", limit=2) == [1, 2]
    assert await found(since="2026-11-03T00:00:00Z") == [3]
    assert await found(since="2026-11-02T23:59:59Z", until="2026-11-03T22:00:00Z") == [2]
    first = await team.read(path, limit=2)
    assert await found(limit=2, cursor=first["next_cursor"]) == [1]


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"ends_at": WINDOW["starts_at"]}, "body.ends_at", "after starts_at is meant"),
        ({"ends_at": "2027-01-30T10:20:01Z"}, "body.ends_at", "90 days at most"),
        ({"starts_at": "2026-11-01"}, "body.starts_at", "send a time as in"),
        ({"kind": "HOLIDAY"}, "body.kind", "'INCIDENT', 'MIGRATION', 'LOAD_TEST' or 'OTHER'"),
        ({"reason": "x"}, "body.reason", "at least 3"),
        ({"metric_name": "revenue"}, "body.metric_name", "'feature_usage'"),
        ({"removed_at": WINDOW["starts_at"]}, "body.removed_at", "no such field"),
    ],
)
async def test_a_window_that_cannot_be_is_refused_with_its_path(
    team: Team, changed: dict[str, Any], path: str, message: str
):
    answer = await team.ask("max", "POST", await path_of(team, "exclusions"), json={**WINDOW, **changed})
    assert slug(answer, 422) == "invalid-request"
    [error] = answer.json()["errors"]
    assert error["path"] == path
    assert message in error["message"]


async def test_ninety_days_are_not_too_many(team: Team):
    longest = {**WINDOW, "ends_at": "2027-01-30T10:20:00Z"}
    assert (await team.made(await path_of(team, "exclusions"), **longest))["ends_at"] == longest["ends_at"]


async def test_detection_leaves_out_what_stands_and_concerns_the_assumption(
    team: Team, changing_world: World
):
    path = await path_of(team, "exclusions")
    item = judged(team, path)
    assert await hours_out(changing_world, item) == []
    mobile = await team.made(path, **WINDOW, cohort="mobile")
    later = {"starts_at": "2026-11-01T13:00:00Z", "ends_at": "2026-11-01T13:30:00Z"}
    whole = await team.made(path, **{**WINDOW, **later})
    assert await hours_out(changing_world, item) == [12, 13, 15]
    assert await hours_out(changing_world, judged(team, path, cohort="desktop")) == [15]
    assert await hours_out(changing_world, judged(team, await path_of(team, "exclusions"))) == []
    for window in (mobile, whole):
        await team.ask("max", "DELETE", f"{path}/{window['id']}")
    assert await hours_out(changing_world, item) == []


async def test_a_calendar_is_put_read_and_replaced(team: Team):
    path = await path_of(team, "holidays")
    assert slug(await team.ask("vic", "GET", path), 404) == "not-found"
    first = await team.ask("max", "PUT", path, json={"public": AUSTRIA, "days": [CLOSED]})
    assert (first.status_code, first.headers["etag"]) == (201, '"1"')
    assert first.headers["location"] == f"/v1/{path}"
    assert first.json()["public"] == {**AUSTRIA, "subdivision": None}
    assert (first.json()["version"], first.json()["created_by"]) == (1, str(team.people["max"]))
    days = {each["day"]: each for each in first.json()["holidays"]}
    assert days["2026-12-24"] == {**CLOSED, "own": True}
    assert days["2026-10-26"] == {"day": "2026-10-26", "name": "National Day", "own": False}
    assert list(days) == sorted(days)
    assert await team.read(path) == first.json()

    second = await team.ask("ann", "PUT", path, json={"days": [CLOSED]}, match=1)
    assert (second.status_code, second.headers["etag"]) == (200, '"2"')
    assert (second.json()["public"], second.json()["holidays"]) == (None, [{**CLOSED, "own": True}])
    again = await team.ask("max", "PUT", path, json={"days": [CLOSED]})
    assert (again.status_code, again.json()) == (200, second.json()), "the same days are no new version"
    none = await team.ask("max", "PUT", path, json={})
    assert (none.json()["version"], none.json()["holidays"]) == (3, [])


async def test_a_calendar_that_was_not_read_is_not_replaced_under_if_match(team: Team):
    path = await path_of(team, "holidays")
    assert slug(await team.ask("max", "PUT", path, json={}, match=1), 404) == "not-found"
    await team.ask("max", "PUT", path, json={"days": [CLOSED]})
    stale = await team.ask("max", "PUT", path, json={}, match=2)
    assert (slug(stale, 412), stale.headers["etag"]) == ("stale", '"1"')


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ({"public": {**AUSTRIA, "country": "Austria"}}, "body.public.country", "ISO 3166-1"),
        ({"public": {**AUSTRIA, "subdivision": "BY"}}, "body.public.subdivision", "known are: 1, 2, 3"),
        ({"public": {**AUSTRIA, "last_year": 2025}}, "body.public.last_year", "first_year or later"),
        ({"public": {**AUSTRIA, "last_year": 2036}}, "body.public.last_year", "10 years at most"),
        ({"public": {"country": "AT"}}, "body.public.first_year", "Field required"),
        ({"days": [{**CLOSED, "day": "2026-12-24T00:00:00Z"}]}, "body.days.0.day", "as in 2026-12-25"),
        ({"days": [{**CLOSED, "day": "1926-12-24"}]}, "body.days.0.day", "from 2000 to 2100"),
        ({"days": [CLOSED, CLOSED]}, "body.days", "2026-12-24 is not"),
        ({"day": CLOSED}, "body.day", "no such field"),
    ],
)
async def test_a_calendar_that_cannot_be_is_refused_with_its_path(
    team: Team, body: dict[str, Any], path: str, message: str
):
    answer = await team.ask("max", "PUT", await path_of(team, "holidays"), json=body)
    assert slug(answer, 422) == "invalid-request"
    error = answer.json()["errors"][0]
    assert error["path"] == path
    assert message in error["message"]


async def test_detection_leaves_out_the_local_days_of_the_newest_calendar(team: Team, changing_world: World):
    path = await path_of(team, "holidays")
    item = judged(team, path)
    noon = datetime(2026, 12, 24, 12, tzinfo=UTC)
    await team.ask("max", "PUT", path, json={"days": [CLOSED]})
    assert await hours_out(changing_world, item, noon) == list(range(24))
    renamed = await team.ask("ann", "PATCH", "organization", json={"timezone": "Asia/Tokyo"}, match=1)
    assert renamed.status_code == 200
    assert await hours_out(changing_world, item, noon) == list(range(15))
    await team.ask("max", "PUT", path, json={"days": [{**CLOSED, "day": "2026-12-25"}]})
    assert await hours_out(changing_world, item, noon) == list(range(15, 24))
    await team.ask("max", "PUT", path, json={})
    assert await hours_out(changing_world, item, noon) == []


async def test_whatever_changes_a_day_is_told_to_detection(team: Team, changing_world: World):
    windows = await path_of(team, "exclusions")
    project = windows.split("/")[1]
    holidays = f"projects/{project}/holidays"
    assert await letters(changing_world, team) == []
    window = await team.made(windows, **WINDOW)
    await team.ask("ann", "DELETE", f"{windows}/{window['id']}")
    for days in ([CLOSED], [{**CLOSED, "name": "shut"}], [CLOSED, {**CLOSED, "day": "2026-11-02"}], []):
        await team.ask("max", "PUT", holidays, json={"days": days})
    told = await letters(changing_world, team)
    assert {(key, topic) for key, topic, _ in told} == {(project, TOPIC)}
    # A window's hour, made and taken back; a day's first moment anywhere. Another name changes no day.
    window_hour, day, sooner = "2026-11-01T10:00", "2026-12-23T10:00", "2026-11-01T10:00"
    firsts = [window_hour, window_hour, day, sooner, sooner]
    assert [body for _, _, body in told] == [
        {
            "org_id": str(team.org),
            "project_id": project,
            "kind": "exclusions_changed",
            "first": f"{first}:00+00:00",
        }
        for first in firsts
    ]
    news = read_news(json.dumps(body).encode() for _, _, body in told)
    assert news[team.org, UUID(project)].changed_from == BEGINS.replace(minute=0)


async def test_relays_are_woken_for_it(team: Team, changing_world: World):
    path, heard = await path_of(team, "exclusions"), asyncio.Event()
    connection = await asyncpg.connect(changing_world.database.superuser_url)
    await connection.add_listener(CHANNEL, lambda *_: heard.set())
    await team.read(path)
    assert not heard.is_set()
    await team.made(path, **WINDOW)
    await asyncio.wait_for(heard.wait(), 10)
    await connection.close()


async def test_a_refused_request_tells_detection_nothing(team: Team, changing_world: World):
    windows = await path_of(team, "exclusions")
    assert slug(await team.ask("vic", "POST", windows, json=WINDOW), 403) == "role-too-low"
    assert slug(await team.ask("max", "POST", windows, json={**WINDOW, "reason": ""}), 422)
    elsewhere = f"projects/{uuid4()}/exclusions"
    assert slug(await team.ask("max", "POST", elsewhere, json=WINDOW), 404) == "not-found"
    assert await letters(changing_world, team) == []
    await team.made(windows, **WINDOW)
    assert len(await letters(changing_world, team)) == 1


async def test_the_messenger_writes_to_nobody_but_detection(changing_world: World):
    letter = "INSERT INTO outbox (org_id, destination, topic, value) VALUES ($1, $2, $3, '')"
    async with changing_world.database.superuser() as connection:
        for destination, topic, allowed in (
            ("kafka", TOPIC, True),
            ("kafka", "divergence_alerts", False),
            ("webhook", TOPIC, False),
        ):
            attempt = connection.transaction()
            await attempt.start()
            await connection.execute("SET LOCAL ROLE augentis_messenger")
            try:
                await connection.execute(letter, uuid4(), destination, topic)
                done = True
            except asyncpg.InsufficientPrivilegeError:
                done = False
            await attempt.rollback()
            assert done is allowed, (destination, topic)


async def test_the_pages_examples_work_as_they_stand(team: Team):
    project = (await team.project())["id"]
    calls = re.findall(
        r"curl -X (\w+) [^$]*\$TOKEN[^$]*\$API/v1/(\S+) -d '(.+?)'$",
        PAGE.read_text(),
        re.DOTALL | re.MULTILINE,
    )
    assert [(verb, path) for verb, path, _ in calls] == [
        ("POST", "projects/$PROJECT_ID/exclusions"),
        ("PUT", "projects/$PROJECT_ID/holidays"),
    ]
    for verb, path, body in calls:
        answer = await team.ask("max", verb, path.replace("$PROJECT_ID", project), json=json.loads(body))
        assert answer.status_code == 201, answer.text
