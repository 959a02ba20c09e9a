"""What the API tells whom, over HTTP on real PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from settings import Settings
from storage.database import engine
from storage.tables import Base
from storage.tenancy import Claims
from tests.integration.conftest import Tokens, bearer_of
from tests.world import HOUR, Place, World, report, telemetry


async def add(world: World, *rows: Base) -> None:
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        session.add_all(rows)


@pytest.fixture
async def busy(world: World):
    """A project of A with 3 x 2 hours of telemetry and 5 reports, and nothing else."""
    place = Place(world.a, world.places["a1"].workspace)
    old = world.places["a1"]
    place = Place(place.org, place.workspace, artifact=old.artifact, assumption=old.assumption)
    async with world.database.superuser() as connection:
        await connection.execute(
            """INSERT INTO project (org_id, id, workspace_id, name, problem_statement, created_by)
               VALUES ($1, $2, $3, $4, 'It takes too long.', $5)""",
            place.org,
            place.project,
            place.workspace,
            f"Busy {place.project}",
            world.ann,
        )
    await add(world, *_hours(place), *_reports(place))
    yield place
    async with world.database.superuser() as connection:
        for table in ("alert_delivery", "report_event", "divergence_report", "telemetry"):
            await connection.execute(f"DELETE FROM {table} WHERE project_id = $1", place.project)
        await connection.execute("DELETE FROM project WHERE id = $1", place.project)


def _hours(place: Place):
    for hour in range(3):
        at = HOUR + timedelta(hours=hour)
        yield telemetry(place, at, 40 + hour, cohort="", feature="")
        yield telemetry(place, at, 300, metric_name="latency_p50", unit="ms", latency_sketch=b"x")


def _reports(place: Place):
    kinds = (
        "FEATURE_ADOPTION_MISS",
        "LATENCY_MISS",
        "PERSONA_MISMATCH",
        "FEATURE_ADOPTION_MISS",
        "LATENCY_MISS",
    )
    for day, kind in enumerate(kinds):
        yield report(
            place,
            HOUR + timedelta(days=day + 1),
            divergence_type=kind,
            classification=("COSMETIC", "MINOR", "MAJOR")[day % 3],
            status=("OPEN", "RESOLVED")[day % 2],
        )


async def get(http: httpx.AsyncClient, path: str, headers: dict[str, str], **params: Any) -> Any:
    response = await http.get(f"/v1/{path}", headers=headers, params=params)
    assert response.status_code == 200, response.text
    return response.json()


# own and others'


def paths(place: Place) -> list[str]:
    return [
        f"projects/{place.project}",
        f"projects/{place.project}/telemetry",
        f"projects/{place.project}/artifacts",
        f"artifacts/{place.artifact}",
        f"divergence-reports/{place.report}",
    ]


async def test_own_is_200_and_anothers_is_404_whoever_asks(
    http: httpx.AsyncClient, world: World, bearer: Tokens
):
    for mine, others, headers in (
        ("a1", "b1", bearer("vic")),
        ("a1", "b1", bearer("sam")),
        ("b1", "a1", bearer("bob", "b")),
        ("b1", "a1", bearer("sam", "b")),
        ("a1", "a2", bearer("ann", workspace="a1")),
    ):
        for own, foreign in zip(paths(world.places[mine]), paths(world.places[others]), strict=True):
            await get(http, own, headers)
            response = await http.get(f"/v1/{foreign}", headers=headers)
            assert response.status_code == 404, foreign
            assert response.json()["type"] == "urn:augentis:problem:not-found"


async def test_what_is_nowhere_looks_like_what_is_anothers(
    http: httpx.AsyncClient, world: World, bearer: Tokens
):
    def told(response: httpx.Response) -> dict[str, str]:
        body: dict[str, str] = response.json()
        return {name: body[name] for name in ("type", "title", "detail")}

    nowhere = Place(world.a, uuid4())
    for foreign, missing in zip(paths(world.places["b1"]), paths(nowhere), strict=True):
        headers = bearer("ann")
        assert told(await http.get(f"/v1/{foreign}", headers=headers)) == told(
            await http.get(f"/v1/{missing}", headers=headers)
        )


async def test_lists_hold_the_tokens_organisation_alone(
    http: httpx.AsyncClient, world: World, bearer: Tokens
):
    for list_ in ("projects", "divergence-reports"):
        for headers, org in ((bearer("sam"), world.a), (bearer("sam", "b"), world.b)):
            items = (await get(http, list_, headers))["items"]
            assert {item["org_id"] for item in items} == {str(org)}
    one = (await get(http, "projects", bearer("ann", workspace="a2")))["items"]
    assert [item["id"] for item in one] == [str(world.places["a2"].project)]


async def test_without_a_token_nothing_is_told(http: httpx.AsyncClient, world: World):
    for path in ("projects", "me", *paths(world.places["a1"])):
        for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}):
            response = await http.get(f"/v1/{path}", headers=headers)
            assert response.status_code == 401, path
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["www-authenticate"] == 'Bearer realm="augentis"'
            assert response.json()["type"] == "urn:augentis:problem:no-token"


async def test_an_ended_membership_is_403_and_so_is_none(
    http: httpx.AsyncClient, world: World, bearer: Tokens
):
    await get(http, "me", bearer("max"))
    for headers in (bearer("fay"), bearer("bob", "a"), bearer("ann", "b")):
        for path in ("projects", "me", f"projects/{world.places['a1'].project}"):
            response = await http.get(f"/v1/{path}", headers=headers)
            assert response.status_code == 403, path
            assert response.json()["type"] == "urn:augentis:problem:not-a-member"


async def test_a_membership_that_ends_ends_at_once(http: httpx.AsyncClient, world: World, bearer: Tokens):
    headers = bearer("max")
    await get(http, "projects", headers)
    end = "UPDATE organization_members SET removed_at = {} WHERE user_id = $1"
    async with world.database.superuser() as connection:
        await connection.execute(end.format("now()"), world.max)
        try:
            assert (await http.get("/v1/projects", headers=headers)).status_code == 403
        finally:
            await connection.execute(end.format("NULL"), world.max)


async def test_a_token_for_anothers_workspace_is_403(
    http: httpx.AsyncClient, world: World, settings: Settings
):
    for workspace in (world.places["b1"].workspace, uuid4()):
        headers = bearer_of(settings, Claims(world.ann, world.a, workspace))
        response = await http.get("/v1/projects", headers=headers)
        assert response.status_code == 403
        assert response.json()["type"] == "urn:augentis:problem:wrong-workspace"


async def test_the_role_is_the_databases_whatever_the_token_says(
    http: httpx.AsyncClient, world: World, settings: Settings
):
    me = await get(http, "me", bearer_of(settings, world.claims("vic"), role="ADMIN", email="x@y.example"))
    assert me["role_in_org"] == "VIEWER"
    assert me["email"] == "vic@people.example"
    assert me["user_id"] == str(world.vic)
    assert me["organization"]["slug"] == "acme"
    assert me["workspace_id"] is None


# shapes


async def test_a_project_has_the_specifications_fields(http: httpx.AsyncClient, world: World, bearer: Tokens):
    project = await get(http, f"projects/{world.places['a1'].project}", bearer("ann"))
    assert project.keys() == {
        *("id", "org_id", "workspace_id", "name", "description", "problem_statement", "phase", "status"),
        *("created_by", "last_updated_by", "created_at", "updated_at", "is_archived", "version"),
    }


async def test_a_report_comes_with_its_cascade(http: httpx.AsyncClient, world: World, bearer: Tokens):
    place = world.places["a1"]
    found = await get(http, f"divergence-reports/{place.report}", bearer("ann"))
    assert found["assumed_value"] == ">= 60 %"
    assert (found["assumed_number"], found["actual_number"], found["unit"]) == (60.0, 42.0, "%")
    assert (found["relative_gap"], found["tier_delta"], found["classification"]) == (-0.3, 2, "MINOR")
    assert found["detected_at"] == "2026-11-01T10:00:00Z"
    cascade = found["cascade_analysis"]
    assert cascade["divergence_id"] == str(place.report)
    assert cascade["affected_code_modules"] == ["checkout_page"]
    assert cascade["recommendation"] == "REEXECUTE"
    [listed] = (await get(http, "divergence-reports", bearer("ann"), project_id=place.project))["items"]
    assert listed == {name: value for name, value in found.items() if name != "cascade_analysis"}


async def test_what_is_infinite_is_null(http: httpx.AsyncClient, world: World, bearer: Tokens, busy: Place):
    endless = report(
        busy, HOUR + timedelta(days=20), relative_gap=float("inf"), e_value=float("inf"), threshold=3650.0
    )
    identity = endless.id
    await add(world, endless)
    found = await get(http, f"divergence-reports/{identity}", bearer("ann"))
    assert (found["relative_gap"], found["e_value"], found["threshold"]) == (None, None, 3650.0)
    assert found["cascade_analysis"] is None


async def test_an_artifact_comes_with_its_content_and_what_it_rests_on(
    http: httpx.AsyncClient, world: World, bearer: Tokens
):
    place = world.places["a1"]
    listed = (await get(http, f"projects/{place.project}/artifacts", bearer("ann")))["items"]
    assert {item["id"] for item in listed} == {str(place.artifact), str(place.code), str(place.other)}
    assert "content" not in listed[0]
    code = await get(http, f"artifacts/{place.code}", bearer("ann"))
    assert code["depends_on"] == [str(place.artifact)]
    prd = await get(http, f"artifacts/{place.artifact}", bearer("ann"))
    assert (prd["content"], prd["tags"]) == ({"title": "a1"}, ["vrc_gate_submission"])
    for filters in ({"type": "PRD"}, {"key": "prd"}, {"status": "APPROVED"}):
        found = await get(http, f"projects/{place.project}/artifacts", bearer("ann"), **filters)
        assert [item["id"] for item in found["items"]] == [str(place.artifact)]


# filters and pages


async def hours(http: httpx.AsyncClient, headers: dict[str, str], place: Place, **filters: Any) -> list[Any]:
    found = await get(http, f"projects/{place.project}/telemetry", headers, **filters)
    return [(item["timestamp"][11:13], item["metric_name"]) for item in found["items"]]


async def test_telemetry_is_filtered(http: httpx.AsyncClient, bearer: Tokens, busy: Place):
    headers = bearer("vic")
    adoption, latency = "user_adoption", "latency_p50"
    every = [(hour, metric) for hour in ("12", "11", "10") for metric in (adoption, latency)]
    assert await hours(http, headers, busy) == every
    assert await hours(http, headers, busy, metric_name=latency) == [
        (hour, latency) for hour in ("12", "11", "10")
    ]
    assert await hours(http, headers, busy, cohort="") == [(hour, adoption) for hour in ("12", "11", "10")]
    assert await hours(http, headers, busy, cohort="mainstream", feature="F12") == every[1::2]
    assert await hours(http, headers, busy, cohort="nobody") == []
    since = "2026-11-01T12:00:00+01:00"
    assert await hours(http, headers, busy, since=since) == every[:4], "since is inclusive"
    assert await hours(http, headers, busy, since=since, until="2026-11-01T12:00:00Z") == every[2:4]


async def test_telemetry_is_sent_as_numbers(http: httpx.AsyncClient, bearer: Tokens, busy: Place):
    [item] = (await get(http, f"projects/{busy.project}/telemetry", bearer("vic"), limit=1, cohort=""))[
        "items"
    ]
    assert (item["metric_value"], item["unit"], item["numerator"]) == (42.0, "%", None)
    assert not {name for name in item if "sketch" in name}


@pytest.mark.parametrize(
    ("filters", "days"),
    [
        ({}, [5, 4, 3, 2, 1]),
        ({"divergence_type": "LATENCY_MISS"}, [5, 2]),
        ({"classification": "MAJOR"}, [3]),
        ({"status": "OPEN"}, [5, 3, 1]),
        ({"since": HOUR + timedelta(days=4)}, [5, 4]),
        ({"since": HOUR + timedelta(days=4, microseconds=1)}, [5]),
        ({"divergence_type": "LATENCY_MISS", "status": "RESOLVED"}, [2]),
    ],
)
async def test_reports_are_filtered(
    http: httpx.AsyncClient, bearer: Tokens, busy: Place, filters: dict[str, Any], days: list[int]
):
    sent = {name: v.isoformat() if isinstance(v, datetime) else v for name, v in filters.items()}
    found = await get(http, "divergence-reports", bearer("ann"), project_id=busy.project, **sent)
    detected = [datetime.fromisoformat(item["detected_at"]) for item in found["items"]]
    assert detected == [HOUR + timedelta(days=day) for day in days]


async def walk(http: httpx.AsyncClient, path: str, headers: dict[str, str], **params: Any):
    cursor: dict[str, str] = {}
    while True:
        page = await get(http, path, headers, **params, **cursor)
        yield page["items"]
        if page["next_cursor"] is None:
            return
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 200])
async def test_pages_hold_everything_once(http: httpx.AsyncClient, bearer: Tokens, busy: Place, limit: int):
    headers = bearer("ann")
    for path, count in (
        (f"projects/{busy.project}/telemetry", 6),
        ("divergence-reports", 7),
        ("projects", 3),
        (f"projects/{busy.project}/artifacts", 0),
    ):
        whole = (await get(http, path, headers))["items"]
        pages = [page async for page in walk(http, path, headers, limit=limit)]
        assert [item for page in pages for item in page] == whole
        assert len(whole) == count
        assert all(len(page) == limit for page in pages[:-1])
        assert len(pages) == max(1, -(-count // limit))


async def test_a_page_does_not_move_when_rows_are_added(
    http: httpx.AsyncClient, world: World, bearer: Tokens, busy: Place
):
    path, headers = "divergence-reports", bearer("ann")
    before = (await get(http, path, headers, project_id=busy.project))["items"]
    first = await get(http, path, headers, project_id=busy.project, limit=2)
    await add(world, report(busy, HOUR + timedelta(days=9)))
    rest = await get(http, path, headers, project_id=busy.project, cursor=first["next_cursor"])
    assert first["items"] + rest["items"] == before


async def test_rows_of_one_moment_are_told_apart(
    http: httpx.AsyncClient, world: World, bearer: Tokens, busy: Place
):
    at = HOUR + timedelta(days=1)
    other = world.places["a1"].assumption
    async with world.database.superuser() as connection:
        copies = [
            await connection.fetchval(
                """INSERT INTO assumption
                   SELECT (jsonb_populate_record(
                       a, jsonb_build_object('id', gen_random_uuid(), 'key', $2::text))).*
                   FROM assumption a WHERE a.id = $1 RETURNING id""",
                other,
                f"copy {number}",
            )
            for number in range(4)
        ]
    try:
        await add(world, *(report(busy, at, assumption_id=copy) for copy in copies))
        pages = [
            page
            async for page in walk(
                http, "divergence-reports", bearer("ann"), project_id=busy.project, limit=2
            )
        ]
        ids = [UUID(item["id"]) for page in pages for item in page]
        assert len(ids) == len(set(ids)) == 9
    finally:
        async with world.database.superuser() as connection:
            theirs = "SELECT id FROM divergence_report WHERE assumption_id = ANY ($1)"
            await connection.execute(f"DELETE FROM report_event WHERE report_id IN ({theirs})", copies)
            await connection.execute("DELETE FROM divergence_report WHERE assumption_id = ANY ($1)", copies)
            await connection.execute("DELETE FROM assumption WHERE id = ANY ($1)", copies)


async def test_times_are_utc(http: httpx.AsyncClient, bearer: Tokens):
    [*_, project] = (await get(http, "projects", bearer("ann")))["items"]
    assert project["created_at"].endswith("Z")
    assert datetime.fromisoformat(project["created_at"]).utcoffset() == timedelta(0)
    assert datetime.fromisoformat(project["created_at"]) < datetime.now(UTC)
