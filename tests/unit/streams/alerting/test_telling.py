"""What is told of a report, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detectors.bounds import Operator
from detectors.divergence import Recommendation
from routing.severity import Severity, severity
from streams.alerting import alertmanager, pagerduty, storm, sureness, telling, words
from streams.alerting.chart import Chart, allowed, alt
from streams.alerting.content import Incident, Kind, Peer
from streams.alerting.drawing import png
from streams.alerting.message import Message
from tests.golden.samples import CHART, CONTENTS, FOUND, INCIDENT, ITEM, PEERS, STORM, brief, message


def facts(told: Message) -> dict[str, str]:
    return dict(told.facts)


@pytest.mark.parametrize(
    ("e_value", "threshold", "said"),
    [
        (3.65e6, 3650.0, "practically certain"),
        (3.64e6, 3650.0, "very sure"),
        (365000.0, 3650.0, "very sure"),
        (36500.0, 3650.0, "sure"),
        (3650.0, 3650.0, "sure enough to tell"),
        (3649.0, 3650.0, "no longer as sure as when it was told"),
        (None, None, "an estimate, without a test"),
        (7.0, None, "an estimate, without a test"),
    ],
)
def test_how_sure_is_said_by_the_table(e_value: float | None, threshold: float | None, said: str):
    report = replace(FOUND, e_value=e_value, threshold=threshold)
    assert sureness.in_words(report) == said


def test_how_sure_is_said_in_words_and_numbers():
    assert facts(message(Kind.DETECTED))["How sure"] == (
        "very sure: evidence 912,500 against a threshold of 3,650, interval at 95 % confidence"
    )
    bare = replace(FOUND, e_value=None, interval_low=None, interval_high=None, confidence=None)
    told = facts(telling.message(replace(CONTENTS[Kind.DETECTED], report=bare)))
    assert (told["How sure"], told["Actual"]) == ("an estimate, without a test", "45 %")


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        *((0.123456, "%", "0.1235 %"), (1234.4, "ms", "1,234 ms"), (12345.6, "count", "12,346")),
        *((45.0, "share", "45 %"), (-1.25, "elasticity", "-1.25"), (2.5e12, "count", "2.5e+12")),
    ],
)
def test_values_are_said_as_people_read_them(value: float, unit: str, said: str):
    assert words.value(value, unit) == said


@pytest.mark.parametrize(
    ("operator", "tolerance", "said"),
    [
        (Operator.AT_LEAST, 0.0, "at least 60 %"),
        (Operator.AT_LEAST, 0.05, "at least 60 % (57 % with the tolerance)"),
        (Operator.AT_MOST, 0.05, "at most 60 % (63 % with the tolerance)"),
        (Operator.WITHIN, 0.05, "about 60 % (57 to 63 % with the tolerance)"),
    ],
)
def test_what_was_assumed(operator: Operator, tolerance: float, said: str):
    assert words.assumed(ITEM.model_copy(update={"operator": operator, "tolerance": tolerance})) == said


@pytest.mark.parametrize(
    ("span", "said"),
    [
        *((timedelta(days=9), "9 days"), (timedelta(days=1, hours=1), "1 day 1 hour")),
        *((timedelta(minutes=61), "1 hour 1 minute"), (timedelta(seconds=59), "less than a minute")),
        *((timedelta(days=2, minutes=3), "2 days 3 minutes"), (-timedelta(days=1), "less than a minute")),
    ],
)
def test_how_long(span: timedelta, said: str):
    assert words.lasted(span) == said


def test_moments_are_in_utc():
    assert words.moment(datetime.fromisoformat("2026-11-04T01:30:00+02:00")) == "2026-11-03 23:30 UTC"


@pytest.mark.parametrize(
    ("classification", "recommendation", "loud"),
    [
        ("MAJOR", Recommendation.FULL_REDESIGN, Severity.CRITICAL),
        ("MAJOR", Recommendation.REEXECUTE, Severity.ERROR),
        ("MINOR", Recommendation.FULL_REDESIGN, Severity.WARNING),
        ("COSMETIC", Recommendation.FULL_REDESIGN, Severity.INFO),
    ],
)
def test_how_loud(classification: str, recommendation: Recommendation, loud: Severity):
    assert severity(classification, recommendation) == loud


def test_each_event_says_what_is_new():
    assert facts(message(Kind.RECLASSIFIED))["Was"] == "MINOR"
    ended = facts(message(Kind.RESOLVED))
    assert ended["What changed"] == "production keeps the assumption again"
    assert (ended["It lasted"], "Actual" in ended) == ("9 days", False)
    reminded = facts(message(Kind.REMINDER))
    assert reminded["Open for"] == "3 days 4 hours"
    assert reminded["Acknowledged"] == "by Ada Lovelace, 2026-11-04 08:00 UTC"
    alone = replace(
        CONTENTS[Kind.REMINDER], course=replace(CONTENTS[Kind.REMINDER].course, acknowledged_at=None)
    )
    told = telling.message(alone)
    assert (facts(told)["Acknowledged"], told.acknowledged) == ("by nobody yet", False)


def test_what_people_wrote_when_they_closed_it_is_told():
    content = CONTENTS[Kind.RESOLVED]
    course = replace(content.course, resolution="A campaign had ended.")
    told = telling.message(replace(content, course=course))
    assert facts(told)["What changed"] == "A campaign had ended."
    assert told.title.endswith(": A campaign had ended.")


def test_long_lists_are_cut_and_say_so():
    rests = replace(CONTENTS[Kind.DETECTED].cascade, affected_features=[f"F{n}" for n in range(11)])
    told = facts(telling.message(replace(CONTENTS[Kind.DETECTED], cascade=rests)))
    assert told["Rests on it"].startswith("features F0, F1, F2, F3, F4, F5, F6, F7 and 3 more; modules ")


def incident(**more: Any) -> Message:
    content = CONTENTS[Kind.RESOLVED]
    return telling.message(replace(content, incident=Incident(INCIDENT, **more)))


def test_an_incident_has_its_root_first_and_all_of_its_reports():
    [listed] = message(Kind.DETECTED).lists
    assert listed.heading.startswith("One incident, 3 reports")
    assert [line.partition(":")[0] for line in listed.lines] == ["root, MAJOR", "MINOR", "COSMETIC, ended"]
    many = [replace(PEERS[0], report_id=brief(n).report_id) for n in range(40)]
    assert incident(peers=many).lists[0].lines[-1] == "and 30 more"
    assert not incident(peers=PEERS[:1]).lists


def test_an_incident_told_as_one_is_over_when_all_of_it_is():
    closed = [Peer(each.report_id, each.summary, "MAJOR", each.is_root, is_open=False) for each in PEERS]
    for peers, as_one, action in (
        (PEERS, True, "trigger"),
        (closed, True, "resolve"),
        (PEERS, False, "resolve"),
    ):
        event = pagerduty.render(incident(peers=peers, told_as_one=as_one))
        assert event["event_action"] == action
        assert event["dedup_key"] == str(INCIDENT if as_one else FOUND.id)
        labels = alertmanager.render(incident(peers=peers, told_as_one=as_one))[0]["labels"]
        assert ("incident_id" in labels, "report_id" in labels) == (as_one, not as_one)


def test_a_storm_says_how_many_of_what_and_the_worst_first():
    told = message(Kind.STORM)
    assert told.title == "500 assumptions are broken at once: 125 MAJOR, 250 MINOR, 125 COSMETIC"
    assert facts(told)["By project"].startswith("36 Project A, 36 Project B, ")
    assert facts(told)["By project"].endswith(", and 4 more")
    [worst] = told.lists
    assert len(worst.lines) == 10
    assert all(line.startswith("MAJOR, ") for line in worst.lines)
    assert [link.name for link in told.links] == ["All open reports"]
    assert storm.message(replace(STORM, briefs=STORM.briefs[::-1])) == told


def test_a_chart_in_words():
    assert alt(CHART) == (
        "adoption of F12 among mainstream, each day from 2026-10-05 to 2026-11-03: 44.2 to 64 %, "
        "last 44.9 %. 5 of 29 days are outside of what was assumed, at least 57 %. Detected 2026-11-03."
    )
    assert alt(replace(CHART, values=[None] * 30)).endswith("no data from 2026-10-05 to 2026-11-03.")
    within = ITEM.model_copy(update={"operator": Operator.WITHIN}).bounds
    assert allowed(replace(CHART, bounds=within)) == "57 to 63 %"


@pytest.mark.parametrize(
    "chart",
    [
        replace(CHART, values=[None] * 30),
        replace(CHART, values=[0.0] * 30, bounds=ITEM.model_copy(update={"value": 0.0}).bounds),
        replace(CHART, values=[1e12, -1e-9, 3.0]),
        replace(CHART, values=[57.0], detected=datetime(2020, 1, 1, tzinfo=UTC).date()),
    ],
)
def test_any_values_can_be_drawn(chart: Chart):
    assert png(chart).startswith(b"\x89PNG")
