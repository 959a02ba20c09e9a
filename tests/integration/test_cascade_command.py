"""`augentis cascade`, in this process, on rows that nothing changes."""

import json
from uuid import uuid4

import pytest

from cli.exits import Exit
from tests.integration.conftest import Augentis
from tests.world import World

ORG = ("--org", "acme")
PROJECT = ("--project", "Project a1")


def test_what_rests_on_an_artifact_that_is_proven_wrong(reading: Augentis):
    assert reading("cascade", "PRD/prd", *ORG, *PROJECT) == Exit.DONE, reading.err
    assert reading.out.splitlines() == [
        "2026-11-01  MINOR  We assumed more.",
        "PRD/prd proven wrong, by evidence that is 2 tiers better than its own, E2: REEXECUTE",
        "days to redo      2",
        "days to redesign  14",
        "features          -",
        "modules           -",
        "artifacts",
        "  PRD/prd",
        "  PRD/prd -> CODE_BACKEND/code",
    ]


def test_json_says_the_same_of_a_version_by_its_id(reading: Augentis, world: World):
    place = world.places["a1"]
    assert reading("cascade", place.artifact, *ORG, "--json") == Exit.DONE, reading.err
    said = json.loads(reading.out)
    assert (said["artifact_id"], said["tier_delta"], said["telemetry_tier"]) == (str(place.artifact), 2, None)
    assert [each["artifact_id"] for each in said["affected"]] == [str(place.artifact), str(place.code)]
    assert [each["id"] for each in said["reports"]] == [str(place.report)]


@pytest.mark.parametrize(
    ("tier", "delta", "recommendation"), [((), 4, "REEXECUTE"), (("--tier", "E1"), 1, "SKIP")]
)
def test_what_if_answers_before_anything_is_proven(
    reading: Augentis, tier: tuple[str, ...], delta: int, recommendation: str
):
    code = ("CODE_BACKEND/code", *ORG, *PROJECT)
    assert reading("cascade", *code) == Exit.NO
    assert "--what-if" in reading.err
    assert reading("cascade", *code, "--what-if", *tier, "--json") == Exit.DONE, reading.err
    said = json.loads(reading.out)
    assert (said["tier_delta"], said["recommendation"], said["reports"]) == (delta, recommendation, [])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("PRD/prd", *ORG), "--project"),
        (("PRD/prd", *ORG, "--project", "Nowhere"), "no project 'Nowhere'"),
        (("PRD/other", *ORG, *PROJECT), "no artifact 'PRD/other'"),
        ((uuid4(), *ORG), "no artifact"),
        (("PRD/prd", "--org", "nobody", *PROJECT), "no organisation 'nobody'"),
        (("PRD/prd", *ORG, *PROJECT, "--tier", "E4"), "--what-if"),
        (("PRD/prd", *ORG, *PROJECT, "--what-if", "--tier", "E5"), "E5"),
    ],
)
def test_what_is_not_there_is_said(reading: Augentis, arguments: tuple[object, ...], says: str):
    assert reading("cascade", *arguments) == Exit.USAGE
    assert says in reading.err


def test_another_organisations_artifact_is_not_there(reading: Augentis, world: World):
    theirs = world.places["b1"].artifact
    assert reading("cascade", theirs, "--org", "beta", "--what-if") == Exit.DONE
    assert reading("cascade", theirs, *ORG, "--what-if") == Exit.USAGE
    assert "no artifact" in reading.err
