"""The test of the alert storm: its verdict is right of what is right, and names each thing that is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.chaos.alerts.inbox import Received
from tests.chaos.alerts.verdict import Evidence, judged

BEGAN = datetime(2026, 11, 24, tzinfo=UTC)
CHANNEL = UUID(int=9)
R1, R2 = UUID(int=1), UUID(int=2)


def event(kind: str, second: int) -> Any:
    return {"kind": kind, "at": BEGAN + timedelta(seconds=second), "body": {}}


def delivery(report: UUID, sequence: int, kind: str, second: int) -> Any:
    return {
        "id": UUID(int=100 + sequence),
        "report_id": report,
        "channel_id": CHANNEL,
        "thread_id": report,
        "sequence": sequence,
        "kind": kind,
        "status": "SENT",
        "created_at": BEGAN + timedelta(seconds=second),
        "last_error": None,
    }


def came(sent: dict[str, Any], answer: str = "204", **said: Any) -> Received:
    id_ = str(sent["id"])
    found = Received(0.0, "/t", id_, f"sha of {id_}", answer, sent["kind"], str(sent["report_id"]), "MINOR")
    return found._replace(**said)


def report(state: str, *, shadow: bool = False) -> Any:
    return {"state": state, "classification": "MINOR", "shadow": shadow, "historical": False}


FOUND, ENDED = delivery(R1, 1, "detected", 3), delivery(R1, 2, "resolved", 103)
OTHER = delivery(R2, 3, "detected", 4)


def right() -> Evidence:
    """A report that was open for 100 seconds and one that is open; one message came twice."""
    reports = {R1: report("RESOLVED"), R2: report("OPEN")}
    events = {R1: [event("DETECTED", 0), event("RESOLVED", 100)], R2: [event("DETECTED", 0)]}
    deliveries = [FOUND, ENDED, OTHER]
    return Evidence(reports, events, deliveries, [came(FOUND, "reset"), *map(came, deliveries)])


def test_what_is_right_is_right():
    assert not any(judged(right()).values())


WRONG: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "one waits": (
        "what was to be sent was sent",
        lambda is_: replace(is_, deliveries=[FOUND | {"status": "PENDING"}, ENDED, OTHER]),
    ),
    "one did not come": (
        "what was sent was received, and nothing else",
        lambda is_: replace(is_, received=is_.received[:-1]),
    ),
    "one came that is none": (
        "what was sent was received, and nothing else",
        lambda is_: replace(is_, received=[*is_.received, came(OTHER, id="another")]),
    ),
    "a report was never told": (
        "each report",
        lambda is_: replace(is_, deliveries=is_.deliveries[:2], received=is_.received[:-1]),
    ),
    "an end was never told": (
        "each report",
        lambda is_: replace(is_, deliveries=[is_.deliveries[0], is_.deliveries[2]]),
    ),
    "an end without a beginning": ("each report", lambda is_: replace(is_, deliveries=is_.deliveries[1:])),
    "told twice": (
        "each report",
        lambda is_: replace(is_, deliveries=[*is_.deliveries, delivery(R2, 4, "detected", 9)]),
    ),
    "worse than was told": (
        "each report",
        lambda is_: replace(is_, received=[*is_.received[:-1], came(OTHER, classification="COSMETIC")]),
    ),
    "another body": (
        "repeats are the same",
        lambda is_: replace(is_, received=[*is_.received, came(FOUND, sha="x")]),
    ),
    "an id for two": (
        "repeats are the same",
        lambda is_: replace(is_, deliveries=[*is_.deliveries, is_.deliveries[0]]),
    ),
    "the end first": (
        "order",
        lambda is_: replace(is_, received=[came(ENDED), came(FOUND), came(OTHER)]),
    ),
    "a silent one was told": (
        "none is silent",
        lambda is_: replace(is_, reports={**is_.reports, R2: report("OPEN", shadow=True)}),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_named(what: str):
    where, broken = WRONG[what]
    assert judged(broken(right()))[where]
