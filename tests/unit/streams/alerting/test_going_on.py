"""What is told of what goes on, or was told as one: who took it, why it comes here, what is over."""

from dataclasses import replace
from datetime import timedelta

from streams.alerting import event, pagerduty, storm, telling
from streams.alerting.content import Course, Incident, Kind
from tests.golden.samples import CONTENTS, DAY, DETECTED, INCIDENT, PEERS, STORM
from tests.unit.streams.alerting.test_golden import SCHEMAS

REMINDER = CONTENTS[Kind.REMINDER]


def test_an_escalation_says_that_nobody_acknowledged():
    content = replace(REMINDER, kind=Kind.ESCALATED, course=Course(DETECTED + DAY))
    message = telling.message(content)
    assert message.title.startswith("Open for 1 day, acknowledged by nobody, MAJOR: ")
    assert ("Why it comes here", "nobody has acknowledged it in time") in message.facts
    assert pagerduty.render(message)["event_action"] == "trigger"
    SCHEMAS["divergence"].validate(event.render(message, content))


def test_an_acknowledgement_is_one_for_a_pager():
    content = replace(REMINDER, kind=Kind.ACKNOWLEDGED)
    message = telling.message(content)
    assert dict(message.facts)["Acknowledged"].startswith("by Ada Lovelace")
    assert pagerduty.render(message)["event_action"] == "acknowledge"
    SCHEMAS["divergence"].validate(event.render(message, content))


def test_who_resolved_it_and_why_is_said_on_one_line():
    ended = DETECTED + DAY
    course = Course(ended, None, "person", ended, resolved_by="Ada\nLovelace", why="The flag\nis on.")
    message = telling.message(replace(REMINDER, kind=Kind.RESOLVED, course=course))
    assert dict(message.facts)["What changed"] == "Ada Lovelace resolved it: The flag is on."
    nobody = replace(course, resolved_by=None)
    message = telling.message(replace(REMINDER, kind=Kind.RESOLVED, course=nobody))
    assert dict(message.facts)["What changed"] == "somebody who has left resolved it: The flag is on."


def test_what_is_told_as_one_names_all_of_it():
    content = replace(CONTENTS[Kind.DETECTED], incident=Incident(INCIDENT, PEERS, told_as_one=True))
    shown = event.render(telling.message(content), content)
    SCHEMAS["divergence"].validate(shown)
    assert shown["data"]["told_as_one"] == {
        "id": str(INCIDENT),
        "report_ids": [str(peer.report_id) for peer in PEERS],
        "over": False,
    }
    alone = CONTENTS[Kind.DETECTED]
    assert "told_as_one" not in event.render(telling.message(alone), alone)["data"]


def test_a_storm_goes_on_and_ends_as_one_thing():
    first = storm.message(STORM)
    later = replace(STORM, id=first.subject.id, at=STORM.at + timedelta(days=1), briefs=STORM.briefs[:3])
    going = storm.message(replace(later, again=True))
    assert going.title.startswith("3 assumptions are still broken: ")
    over = replace(later, over=True)
    ended = storm.message(over)
    assert ended.title.startswith("Over: 3 reports have ended: ")
    assert {first.subject.thread, going.subject.thread, ended.subject.thread} == {str(first.subject.id)}
    assert len({first.key, going.key}) == 2
    assert [pagerduty.render(each)["event_action"] for each in (first, going, ended)] == [
        "trigger",
        "trigger",
        "resolve",
    ]
    assert event.render_storm(ended, over)["data"]["over"] is True
    for about in (STORM, over):
        SCHEMAS["divergence"].validate(event.render_storm(storm.message(about), about))
