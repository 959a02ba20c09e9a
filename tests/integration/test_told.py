"""Who was told of a report, however they were: by itself, with its incident, in a storm or in a digest."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from api.app import create_app
from settings import Settings
from storage.tenancy import Claims
from streams import digest
from tests.integration.conftest import Tokens, bearer_of, open_client
from tests.told import Office, office_of
from tests.world import World

Json = dict[str, Any]


@pytest.fixture
async def office(changing_world: World, settings: Settings) -> AsyncIterator[Office]:
    async with office_of(changing_world.database, settings) as office:
        await office.do("INSERT INTO organization_members VALUES ($1, $2, 'VIEWER')", office.user)
        yield office


@pytest.fixture
async def http(office: Office, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(create_app(office.database.settings(settings.home))) as client:
        client.headers.update(bearer_of(settings, Claims(office.user, office.place.org)))
        yield client


async def known(http: httpx.AsyncClient, report: UUID, **asked: Any) -> list[Json]:
    """Return who knows of a report."""
    answer = await http.get(f"/v1/divergence-reports/{report}/told", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


async def messages(http: httpx.AsyncClient, report: UUID) -> list[Json]:
    found: list[Json] = (await http.get(f"/v1/divergence-reports/{report}/deliveries")).json()["items"]
    return found


async def pages(http: httpx.AsyncClient, report: UUID, **asked: Any) -> list[str]:
    """Return the channels that know of a report, read one a page."""
    found: list[str] = []
    path = f"/v1/divergence-reports/{report}/told"
    cursor: Json = {}
    while True:
        page = (await http.get(path, params={"limit": 1, **asked, **cursor})).json()
        found += [each["channel_id"] for each in page["items"]]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def test_a_report_that_nobody_knows_of_yet(office: Office, http: httpx.AsyncClient):
    await office.channel()
    (report,) = await office.open()
    await office.told()
    assert await known(http, report) == []


async def test_what_came_in_a_storm_was_told(office: Office, http: httpx.AsyncClient):
    channel = await office.channel("slack")
    await office.route("storm_at = 3")
    reports = await office.open(4)
    (storm,) = await office.told(seconds=31)
    (route,) = await office.do("SELECT id FROM alert_route WHERE org_id = $1")
    for report in reports:
        (told,) = await known(http, report)
        assert await messages(http, report) == [], "its message is of no report alone"
        assert (told["channel_id"], told["channel_name"], told["channel_kind"]) == (
            *(str(channel), str(channel)),
            "slack",
        )
        assert (told["state"], told["thread_kind"], told["thread_id"]) == (
            *("TOLD", "storm"),
            str(storm["thread_id"]),
        )
        assert (told["route_id"], told["classification"]) == (str(route["id"]), "MINOR")
        assert told["first_told_at"] == told["told_at"] is not None
        assert told["reminded_at"] is told["escalated_at"] is None
    await office.end(reports[0])
    await office.told()
    assert [(await known(http, each))[0]["state"] for each in reports] == ["ENDED", *["TOLD"] * 3]


async def test_the_second_report_of_an_incident_was_told_with_the_first(
    office: Office, http: httpx.AsyncClient
):
    await office.channel()
    boss = await office.channel("email", role="escalate")
    await office.route("escalate_after = '1 hour', repeat_every = '2 hours'")
    incident = uuid4()
    reports = await office.open(2, incident_id=incident)
    (row,) = await office.told(seconds=31)
    second = next(each for each in reports if each != row["report_id"])
    assert await messages(http, second) == []
    (told,) = await known(http, second)
    assert (told["thread_kind"], told["thread_id"], told["state"]) == ("incident", str(incident), "TOLD")
    assert await office.kinds(hours=1, seconds=1) == ["escalated"]
    assert "reminder" in await office.kinds(hours=1)
    first, later = await known(http, second)
    assert first["channel_id"] == told["channel_id"], "who was told first is first"
    assert first["reminded_at"] > first["told_at"] == first["first_told_at"]
    assert (later["channel_id"], later["escalated_at"]) == (str(boss), later["first_told_at"])
    assert await pages(http, second) == [first["channel_id"], str(boss)]
    assert await pages(http, second, sort="-first_told_at") == [str(boss), first["channel_id"]]


async def test_what_waits_for_the_digest_was_told_to_nobody_until_it_comes(
    office: Office, http: httpx.AsyncClient, settings: Settings
):
    channel = await office.channel()
    (report,) = await office.open(classification="COSMETIC")
    await office.told(days=1)
    (waits,) = await known(http, report)
    assert (waits["channel_id"], waits["state"], waits["thread_kind"]) == (str(channel), "WAITING", "digest")
    assert {waits[name] for name in ("thread_id", "first_told_at", "told_at", "reminded_at")} == {None}
    now = datetime.now(UTC) + timedelta(days=8)
    await digest.tell(office.pool, settings, now)
    (row,) = await office.told()
    assert (row["kind"], row["report_id"]) == ("digest", None)
    (told,) = await known(http, report)
    at = datetime.fromisoformat(told["told_at"])
    assert (at, told["first_told_at"]) == (now, told["told_at"])
    assert (told["state"], told["thread_kind"]) == ("TOLD", "digest")
    assert told["thread_id"] is told["reminded_at"] is None
    await office.change("classification = 'MAJOR'")
    assert await office.kinds() == ["detected"]
    (alone,) = await known(http, report)
    assert (alone["thread_kind"], alone["thread_id"], alone["classification"]) == (
        *("subject", str(report)),
        "MAJOR",
    )


async def test_a_channel_that_was_removed_was_told_all_the_same(office: Office, http: httpx.AsyncClient):
    channel = await office.channel()
    (report,) = await office.open()
    await office.told(seconds=31)
    await office.do("UPDATE alert_told SET route_id = $2 WHERE org_id = $1", UUID(int=0))
    await office.do("DELETE FROM alert_route_channel WHERE org_id = $1")
    await office.do("UPDATE alert_channel SET removed_at = now() WHERE org_id = $1 AND id = $2", channel)
    (told,) = await known(http, report)
    assert (told["channel_id"], told["route_id"]) == (str(channel), None)


async def test_anothers_report_and_one_of_an_unseen_project_are_nowhere(
    world: World, http_of_world: httpx.AsyncClient, bearer: Tokens
):
    report, elsewhere = world.places["a1"].report, world.places["b1"].report
    asked = {
        "a member": (bearer("vic"), report, 200),
        "in a token of its workspace": (bearer("ann", workspace="a1"), report, 200),
        "in a token of another workspace": (bearer("ann", workspace="a2"), report, 404),
        "another organisation's": (bearer("ann"), elsewhere, 404),
        "theirs": (bearer("bob", "b"), elsewhere, 200),
        "a stranger": (bearer("bob", "b"), report, 404),
        "nobody's": (bearer("ann"), uuid4(), 404),
    }
    for why, (headers, named, status) in asked.items():
        answer = await http_of_world.get(f"/v1/divergence-reports/{named}/told", headers=headers)
        assert answer.status_code == status, why
        if status == 200:
            assert [each["thread_id"] for each in answer.json()["items"]] == [str(named)], why


@pytest.fixture
async def http_of_world(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(create_app(settings)) as client:
        yield client
