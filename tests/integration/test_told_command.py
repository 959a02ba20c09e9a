"""`augentis alert told`, in this process, and what it says of each way to be told."""

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.schemas import ToldChannel
from cli.alerting.told import line
from cli.exits import Exit
from tests.integration.conftest import Augentis
from tests.integration.test_api import add
from tests.world import HOUR, World, report

ORG = ("--org", "acme")


def test_an_operator_asks_who_knows(operator: Augentis, changing_world: World):
    place = changing_world.places["a1"]
    assert operator("alert", "told", place.report, *ORG) == Exit.DONE, operator.err
    # Where another test has run the notifier, more channels know of it.
    said = f"webhook on call: told by itself at {HOUR:%Y-%m-%dT%H:%M:%SZ} as MINOR"
    assert said in operator.out.splitlines()
    assert operator("alert", "told", place.report, *ORG, "--json") == Exit.DONE, operator.err
    told = {told["channel_id"]: told["state"] for told in json.loads(operator.out)["items"]}
    assert told[str(changing_world.channels[changing_world.a])] == "TOLD"


def test_that_nobody_knows_is_a_no_and_no_report_a_fault(operator: Augentis, changing_world: World):
    new = uuid4()
    asyncio.run(add(changing_world, report(changing_world.places["a2"], HOUR + timedelta(days=20), id=new)))
    assert operator("alert", "told", new, *ORG) == Exit.NO
    assert operator.out == ""
    assert f"nobody was told of it: `augentis routes test {new} --org acme` says why" in operator.err
    for missing in (uuid4(), changing_world.places["b1"].report):
        assert operator("alert", "told", missing, *ORG) == Exit.USAGE
        assert f"the organisation has no report '{missing}'" in operator.err


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"state": "WAITING", "told_at": None, "first_told_at": None}, "waits for the weekly digest"),
        ({"thread_kind": "digest"}, "told in the weekly digest at 2026-11-24T01:00:00Z as MINOR"),
        (
            {"thread_kind": "storm", "state": "ENDED"},
            "told in a storm at 2026-11-24T01:00:00Z as MINOR, over as far as it knows",
        ),
        (
            {"told_at": "2026-11-24T02:00:00Z"},
            "told with its incident at 2026-11-24T02:00:00Z as MINOR, first at 2026-11-24T01:00:00Z",
        ),
        (
            {"thread_kind": "subject", "reminded_at": "2026-11-25T02:00:00Z"},
            "told by itself at 2026-11-24T01:00:00Z as MINOR, reminded at 2026-11-25T02:00:00Z",
        ),
        (
            {"thread_kind": "subject", "escalated_at": "2026-11-24T01:00:00Z"},
            "told by itself at 2026-11-24T01:00:00Z as MINOR, since nobody had acknowledged it",
        ),
    ],
    ids=["waits", "digest", "storm", "incident", "reminded", "escalated"],
)
def test_what_a_channel_knows_in_words(known: dict[str, Any], said: str):
    at = "2026-11-24T01:00:00Z"
    told: dict[str, Any] = {"state": "TOLD", "thread_kind": "incident", "classification": "MINOR"}
    told |= {"channel_id": uuid4(), "channel_name": "on\x1b call", "channel_kind": "slack"}
    told |= {"first_told_at": at, "told_at": at, "reminded_at": None, "escalated_at": None}
    item = ToldChannel(**{**told, "route_id": None, "thread_id": None, **known})
    assert line(item) == f"slack on call: {said}"
