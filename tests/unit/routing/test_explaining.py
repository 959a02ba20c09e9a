"""Where a report would go, and why, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import pytest

from routing.calm import Held
from routing.explaining import Channel, Explained, Outcome, Standing, explained
from routing.matchers import Matchers, Target
from routing.routes import Route, chosen
from routing.severity import Severity

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
TARGET = Target(UUID(int=1), classification="MAJOR", metric_name="latency_p50")
MAJOR = Standing("OPEN", "MAJOR", Severity.ERROR)
COSMETIC = Standing("OPEN", "COSMETIC", Severity.INFO)
SLACK = Channel(UUID(int=11), "checkout", "slack", "notify")
PAGER = Channel(UUID(int=12), "on call", "pagerduty", "escalate")
OURS = Route(UUID(int=21), "ours", 10)
DEFAULT = Route(UUID(int=29), "Default", 1_000_000, is_default=True)
HELD = Held(NOW + timedelta(hours=8), "quiet hours 'nights'", UUID(int=31))


def told(
    standing: Standing = MAJOR, *channels: Channel, held: Held | None = None, route: Route = OURS
) -> Explained:
    choices = chosen([route, DEFAULT], TARGET)
    return explained(choices, {route.id: channels}, standing, held, NOW)


@pytest.mark.parametrize(
    ("standing", "held", "outcome", "somebody"),
    [
        (MAJOR, None, Outcome.AT_ONCE, True),
        (MAJOR, HELD, Outcome.HELD, True),
        (replace(MAJOR, state="ACKNOWLEDGED"), None, Outcome.AT_ONCE, True),
        (COSMETIC, None, Outcome.DIGEST, True),
        (COSMETIC, HELD, Outcome.DIGEST, True),
        (replace(MAJOR, state="RESOLVED"), None, Outcome.ENDED, True),
        (replace(MAJOR, state="SUPERSEDED"), HELD, Outcome.ENDED, True),
        (replace(MAJOR, snoozed_until=NOW + timedelta(1)), HELD, Outcome.SNOOZED, True),
        (replace(MAJOR, snoozed_until=NOW), None, Outcome.AT_ONCE, True),
        (replace(MAJOR, shadow=True), None, Outcome.SILENT, False),
        (replace(MAJOR, historical=True, state="RESOLVED"), HELD, Outcome.SILENT, False),
    ],
)
def test_what_becomes_of_a_report(standing: Standing, held: Held | None, outcome: Outcome, somebody: bool):  # noqa: FBT001
    found = told(standing, SLACK, held=held)
    assert (found.outcome, found.somebody, found.held) == (outcome, somebody, held)


@pytest.mark.parametrize(
    ("channels", "cosmetic", "standing", "tells"),
    [
        ((SLACK,), "digest", MAJOR, "at_once"),
        ((SLACK,), "never", MAJOR, "at_once"),
        ((SLACK,), "digest", COSMETIC, "digest"),
        ((SLACK,), "at_once", COSMETIC, "at_once"),
        ((SLACK,), "never", COSMETIC, "nobody"),
        ((), "digest", MAJOR, "nobody"),
        # Who is told when nobody acknowledges is told of what somebody was told.
        ((PAGER,), "digest", MAJOR, "nobody"),
        ((replace(SLACK, disabled="410 Gone"),), "digest", MAJOR, "nobody"),
        ((replace(SLACK, disabled="410 Gone"), replace(SLACK, id=UUID(int=13))), "digest", MAJOR, "at_once"),
    ],
)
def test_what_a_route_does(
    channels: tuple[Channel, ...],
    cosmetic: Literal["digest", "at_once", "never"],
    standing: Standing,
    tells: str,
):
    found = told(standing, *channels, route=replace(OURS, cosmetic=cosmetic))
    assert found.verdicts[0].tells == tells
    assert found.somebody == (tells != "nobody")
    assert (found.outcome is Outcome.NOBODY) == (tells == "nobody")


def test_the_whole_is_said_in_words():
    asleep = replace(MAJOR, snoozed_until=NOW + timedelta(days=1), state="ACKNOWLEDGED")
    assert told(asleep, SLACK, held=HELD).why == (
        "snoozed until 2026-11-25T10:00:00+00:00: told when it wakes, or as soon as it becomes worse",
        "held until 2026-11-24T18:00:00+00:00 by quiet hours 'nights': told then, if it still holds",
        "somebody has acknowledged it: no reminder, no escalation",
    )
    assert told(replace(MAJOR, shadow=True, historical=True), SLACK).why == (
        "nobody is told of it: its assumption runs silently (`shadow`)",
        "nobody is told of it: it was found in telemetry that came in as history (`historical`)",
    )
    assert told(replace(MAJOR, state="RESOLVED"), SLACK).why == (
        "it is RESOLVED: if it opened again, it would go as its routes say",
    )
    assert told(MAJOR).why == ("nobody would be told: it takes ours, and that tells nobody",)
    assert told(MAJOR, SLACK).why == ()


def test_each_route_says_what_it_does_and_when():
    route = replace(OURS, escalate_after=timedelta(minutes=90), continues=True)
    found = told(MAJOR, SLACK, PAGER, route=route)
    assert [(verdict.route.name, verdict.matched, verdict.why) for verdict in found.verdicts] == [
        (
            "ours",
            True,
            (
                "it is about this report, and lets later routes have it as well",
                "told 30s after it was detected, if it still holds then",
                "told to on call if nobody acknowledges within 90m",
            ),
        ),
        ("Default", False, ("route ours is about it already",)),
    ]
    at_once = replace(OURS, group_wait=timedelta(), cosmetic="at_once")
    assert told(COSMETIC, SLACK, route=at_once).verdicts[0].why == (
        "it is about this report, and ends the search",
        "COSMETIC, and this route tells of these at once (`cosmetic` is at_once)",
    )
    passed_by = replace(OURS, matchers=Matchers.model_validate({"metric_name": ["retention"]}))
    assert told(MAJOR, SLACK, route=passed_by).verdicts[0].why == ("metric: latency_p50, not retention",)


def test_where_nobody_is_told_it_is_said_what_to_do():
    [verdict] = explained(chosen([DEFAULT], TARGET), {}, MAJOR, None, NOW).verdicts
    path = f"/v1/alert-routes/{DEFAULT.id}"
    assert verdict.why == (
        "no other route is about it",
        (
            f"the default route has no channel to tell: give it one in `notify` with PATCH {path}"
            " (POST /v1/alert-channels makes one)"
        ),
    )
    disabled = told(MAJOR, replace(SLACK, disabled="410 Gone")).verdicts[0].why
    assert disabled[1] == (
        "nothing is sent to checkout: it is disabled (410 Gone); see to that, then"
        f" POST /v1/alert-channels/{SLACK.id}/enable"
    )
