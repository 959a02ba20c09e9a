"""`augentis routes list | test`, in this process, on rows that nothing changes."""

import asyncio
import json
from pathlib import Path
from uuid import uuid4

import pytest

from cli.exits import Exit
from tests.integration.conftest import Augentis
from tests.world import World

ORG = ("--org", "acme")


def test_routes_are_listed_in_their_order(reading: Augentis, world: World):
    assert reading("routes", "list", *ORG) == Exit.DONE, reading.err
    a1, a2 = (world.places[name] for name in ("a1", "a2"))
    said = reading.out.splitlines()
    assert said[-2:] == [
        "  last  Default: all that no other route is about",
        "        tells nobody; COSMETIC: digest",
    ]
    for name, place in (("a1", a1), ("a2", a2)):
        first = said.index(f"    10  Reports of {name}: project_id {place.project}")
        assert said[first + 1] == f"        tells kafka team {name}; COSMETIC: digest"
    assert reading("routes", "list", *ORG, "--json") == Exit.DONE, reading.err
    items = json.loads(reading.out)["items"]
    assert [item["is_default"] for item in items] == [False, False, True]


def test_where_a_report_would_go(reading: Augentis, world: World):
    place = world.places["a1"]
    assert reading("routes", "test", place.report, *ORG) == Exit.DONE, reading.err
    said = reading.out.splitlines()
    assert said[0] == "MINOR (warning), OPEN: somebody would be told"
    taken = said.index("    10  Reports of a1: tells kafka team a1")
    assert said[taken + 1] == "        it is about this report, and ends the search"
    assert said[-2:] == ["  last  Default: passed by", "        route Reports of a1 is about it already"]
    assert reading("routes", "test", place.report, *ORG, "--json") == Exit.DONE, reading.err
    found = json.loads(reading.out)
    assert (found["outcome"], found["somebody"], found["report_id"]) == ("at_once", True, str(place.report))


def test_a_report_that_is_not_there_is_said(reading: Augentis, world: World):
    for report in (uuid4(), world.places["b1"].report):
        assert reading("routes", "test", report, *ORG) == Exit.USAGE
        assert f"the organisation has no report '{report}'" in reading.err


def test_where_nobody_would_be_told_the_answer_is_no(
    changing_world: World, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in changing_world.database.environment(home).items():
        monkeypatch.setenv(name, value)
    augentis = Augentis(capsys)
    report = changing_world.places["b1"].report
    beta = ("--org", "beta")
    assert augentis("routes", "test", report, *beta) == Exit.DONE
    before, world = augentis.out, changing_world
    assert "tells kafka team b1" in before
    _tell_nobody(world)
    assert augentis("routes", "test", report, *beta) == Exit.NO
    assert augentis.err.endswith("nobody would be told\n")
    assert "give it one in `notify` with PATCH /v1/alert-routes/" in augentis.out


def _tell_nobody(world: World) -> None:
    async def run() -> None:
        async with world.database.superuser() as connection:
            await connection.execute("DELETE FROM alert_route_channel WHERE org_id = $1", world.b)

    asyncio.run(run())
