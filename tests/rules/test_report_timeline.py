"""ADR 0025: what becomes of a report is told once and in order, whoever did it."""

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from storage.entities import handling
from tests.databases import Database
from tests.rules.desk import (
    ACK,
    REOPEN,
    RESOLVE,
    SNOOZE,
    UNACK,
    WAKE,
    Change,
    Event,
    desk,
    outcome,
)
from tests.rules.test_handling import AGAIN, BY_DATA, SUPERSEDED, ended

ALL = (ACK, UNACK, SNOOZE, WAKE, RESOLVE, REOPEN)
WORDS: tuple[Change, ...] = (BY_DATA, SUPERSEDED, AGAIN, ended("RESOLVED", "superseded"))


@pytest.mark.parametrize("seed", range(6))
async def test_every_change_is_told_once_and_in_order(shared: Database, seed: int):
    """Of any actions of people and data: the timeline, read from its start, leads to how the row stands."""
    rolled = random.Random(seed)  # no secret
    async with desk(shared) as here:
        people = here.team.people
        before = await here.row()
        told = await here.timeline()
        for _ in range(40):
            who = rolled.choice(("ann", "max"))
            kind = rolled.random()
            if kind < 0.2:
                await here.data(**rolled.choice(WORDS))
            elif kind < 0.35:
                await here.data(classification=rolled.choice(("COSMETIC", "MINOR", "MAJOR")))
            elif kind < 0.45:
                await here.comment(who, f"said {len(told)}")
            else:
                anybody = rolled.choice((people["vic"], people["max"], None))
                await outcome(here.act(who, rolled.choice((*ALL, *ALL, handling.assigned(anybody)))))
            row, now_told = await here.row(), await here.timeline()
            new = now_told[len(told) :]
            assert now_told[: len(told)] == told, "what was told stays"
            assert (row["handling_version"] > before["handling_version"]) == bool(of_people(new))
            assert replayed(now_told) == shown(row), now_told
            before, told = row, now_told


def of_people(events: list[Event]) -> list[Event]:
    """Return the events that are changes of what people say of a report."""
    by_data = {"DETECTED", "RECLASSIFIED", "SUPERSEDED", "COMMENTED"}
    return [
        event
        for event in events
        if event.kind not in by_data and event.body.get("by") not in {"data", "artifact_version"}
    ]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "state": row["state"],
        "classification": row["classification"],
        "acknowledged_by": row["acknowledged_by"],
        "assignee": row["assignee_id"],
        "snoozed": row["snoozed_until"] is not None,
        "reason": row["close_reason"],
    }


# What an event of people, or of a classification, makes of how a report stands.
EFFECTS: dict[str, Callable[[UUID | None, dict[str, Any]], dict[str, Any]]] = {
    "DETECTED": lambda _, body: {"classification": body["classification"]},
    "RECLASSIFIED": lambda _, body: {"classification": body["to"]},
    "ACKNOWLEDGED": lambda actor, _: {"acknowledged_by": actor},
    "UNACKNOWLEDGED": lambda *_: {"acknowledged_by": None},
    "ASSIGNED": lambda _, body: {"assignee": UUID(body["to"])},
    "UNASSIGNED": lambda *_: {"assignee": None},
    "SNOOZED": lambda *_: {"snoozed": True},
    "WOKEN": lambda *_: {"snoozed": False},
    "RESOLVED": lambda _, body: {"reason": body["reason"], "snoozed": False},
    "REOPENED": lambda *_: {"reason": None, "acknowledged_by": None, "snoozed": False},
    "COMMENTED": lambda *_: {},
}


def replayed(events: list[Event]) -> dict[str, Any]:
    """Return how a report stands by its timeline alone."""
    data, people = "OPEN", {"acknowledged_by": None, "assignee": None, "snoozed": False, "reason": None}
    for kind, actor, body in events:
        by_data = body.get("by") not in {"person", "reclassification"}
        if kind in {"RESOLVED", "SUPERSEDED", "REOPENED"} and by_data:
            data = "OPEN" if kind == "REOPENED" else kind
        else:
            assert kind != "RECLASSIFIED" or body["from"] == people["classification"]
            people |= EFFECTS[kind](actor, body)
    said = "RESOLVED" if people["reason"] else "ACKNOWLEDGED" if people["acknowledged_by"] else "OPEN"
    return {**people, "state": said if data == "OPEN" else data}


async def test_a_comment_is_kept_as_it_was_written_and_is_audited(shared: Database):
    said = "<script>alert('x')</script> \\u0001 \"ü\" \n\t {{7*7}} " + "x" * 4900
    async with desk(shared) as here:
        await here.comment("cem", said)
        assert (await here.timeline())[-1] == Event("COMMENTED", here.team.people["cem"], {"text": said})
        logged = await here.team.fetch(
            "SELECT action, actor_id FROM audit_log WHERE org_id = $1 AND resource_type = 'ReportEvent'",
            here.team.org,
        )
        assert logged == [("CREATE", here.team.people["cem"])], "events of changes are in the log as changes"
        await here.act("ann", ACK)
        entry = "SELECT count(*) FROM audit_log WHERE org_id = $1 AND resource_type = 'DivergenceReport'"
        assert await here.team.fetch(f"{entry} AND action = 'UPDATE'", here.team.org) == [(1,)]
