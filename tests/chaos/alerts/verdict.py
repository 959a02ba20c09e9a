"""What was told, what the reports say and what the receiver has, compared: each list names what is wrong."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

import asyncpg

from tests.chaos.alerts.cast import GROUP_WAIT
from tests.chaos.alerts.inbox import Received
from tests.streaming import System

SLACK = timedelta(seconds=30)
"""How long nobody may look while relays are killed again and again."""
Row = asyncpg.Record
SEVERITY = {"COSMETIC": 0, "MINOR": 1, "MAJOR": 2}


@dataclass(frozen=True)
class Span:
    """A time for which a report stood open; `end` is None while it does."""

    start: datetime
    end: datetime | None

    def lasted(self, least: timedelta) -> bool:
        return self.end is None or self.end - self.start > least

    def holds(self, at: datetime) -> bool:
        return self.start <= at and (self.end is None or at <= self.end)


@dataclass(frozen=True)
class Evidence:
    """What the database says, and what the receiver has."""

    reports: dict[UUID, Row]
    events: dict[UUID, list[Row]]
    deliveries: list[Row]
    received: list[Received]

    @cached_property
    def told(self) -> dict[UUID, list[Row]]:
        """The deliveries about each report, in their order."""
        found = defaultdict(list)
        for each in sorted(self.deliveries, key=lambda row: row["sequence"]):
            found[each["report_id"]].append(each)
        return found

    @cached_property
    def classifications(self) -> dict[str, str | None]:
        """What each message said that its report was."""
        return {each.id: each.classification for each in self.received}


async def gather(system: System, orgs: Sequence[UUID], received: list[Received]) -> Evidence:
    reports = await system.fetch("SELECT * FROM divergence_report WHERE org_id = ANY ($1)", orgs)
    events = await system.fetch(
        """SELECT report_id, kind, at, body FROM report_event WHERE org_id = ANY ($1)
           ORDER BY report_id, sequence""",
        orgs,
    )
    by_report = defaultdict(list)
    for event in events:
        by_report[event["report_id"]].append(event)
    deliveries = await system.fetch("SELECT * FROM alert_delivery WHERE org_id = ANY ($1)", orgs)
    by_id = {row["id"]: row for row in reports}
    return Evidence(by_id, dict(by_report), list(deliveries), received)


def judged(evidence: Evidence) -> dict[str, list[str]]:
    """Return what is wrong, by what was asked."""
    return {
        "what was to be sent was sent": list(_unsent(evidence)),
        "what was sent was received, and nothing else": list(_received(evidence)),
        "repeats are the same": list(_repeats(evidence)),
        "order": list(_order(evidence)),
        "each report": [line for id_ in evidence.reports for line in _report(evidence, id_)],
        "none is silent": list(_silent(evidence)),
    }


def _unsent(evidence: Evidence) -> Iterator[str]:
    for row in evidence.deliveries:
        if row["status"] != "SENT":
            yield f"{row['id']} ({row['kind']}) is {row['status']}: {row['last_error']}"


def _received(evidence: Evidence) -> Iterator[str]:
    there = {str(row["id"]) for row in evidence.deliveries}
    accepted = {each.id for each in evidence.received if each.accepted}
    yield from (f"{id_} was sent, and not received" for id_ in there - accepted)
    came = {each.id for each in evidence.received}
    yield from (f"{id_} was received, and is no delivery" for id_ in came - there)
    yield from (f"{each.id} has no valid signature" for each in evidence.received if each.answer == "401")
    known = {str(id_) for id_ in evidence.reports}
    yield from (f"{each.id} is about no report" for each in evidence.received if each.subject not in known)


def _repeats(evidence: Evidence) -> Iterator[str]:
    bodies = defaultdict(set)
    for each in evidence.received:
        bodies[each.id].add((each.sha, each.path))
    yield from (f"{id_} came with {len(found)} bodies" for id_, found in bodies.items() if len(found) > 1)
    ids = Counter(row["id"] for row in evidence.deliveries)
    yield from (f"{id_} is the id of {count} deliveries" for id_, count in ids.items() if count > 1)


def _order(evidence: Evidence) -> Iterator[str]:
    """Of a thread nothing is accepted before all that stands before it was."""
    first = _first_accepted(evidence.received)
    by_thread = defaultdict(list)
    for row in evidence.deliveries:
        by_thread[row["channel_id"], row["thread_id"]].append((row["sequence"], str(row["id"])))
    for thread, rows in by_thread.items():
        times = [(first[id_], sequence) for sequence, id_ in sorted(rows) if id_ in first]
        if times != sorted(times):
            yield f"thread {thread[1]} came as {[sequence for _, sequence in sorted(times)]}"


def _first_accepted(received: Iterable[Received]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, each in enumerate(received):
        if each.accepted:
            found.setdefault(each.id, number)
    return found


def _report(evidence: Evidence, id_: UUID) -> Iterator[str]:
    told = evidence.told.get(id_, [])
    yield from (f"{id_}: {line}" for line in _turns(told))
    spans = list(_spans(evidence.events[id_]))
    for span in spans:
        count = sum(row["kind"] == "detected" and span.holds(row["created_at"]) for row in told)
        if count == 0 and span.lasted(GROUP_WAIT + SLACK) and not _known(told, span):
            yield f"{id_}: open from {span.start} to {span.end}, and nobody was told"
        if count > 1:
            yield f"{id_}: told {count} times that it was found, open from {span.start} to {span.end}"
    yield from _standing(evidence, id_, told)


def _known(told: Sequence[Row], span: Span) -> bool:
    """Whether the team took it for open as the span began: it was closed for less than anybody looked."""
    before = [row["kind"] for row in told if row["created_at"] < span.start]
    return bool(before) and before[-1] != "resolved"


def _turns(told: Sequence[Row]) -> Iterator[str]:
    is_open = False
    for row in told:
        if row["kind"] == "detected" and is_open:
            yield "found again without an end between"
        if row["kind"] != "detected" and not is_open:
            yield f"{row['kind']}, and it was not told to be open"
        is_open = row["kind"] != "resolved"


def _spans(events: Sequence[Row]) -> Iterator[Span]:
    start = None
    for event in events:
        if event["kind"] in {"DETECTED", "REOPENED"}:
            start = start or event["at"]
        elif event["kind"] in {"RESOLVED", "SUPERSEDED"} and start:
            yield Span(start, event["at"])
            start = None
    if start:
        yield Span(start, None)


def _standing(evidence: Evidence, id_: UUID, told: Sequence[Row]) -> Iterator[str]:
    """What the team knows last is how the report stands."""
    report = evidence.reports[id_]
    stands = report["state"] in {"OPEN", "ACKNOWLEDGED"}
    kinds = [row["kind"] for row in told]
    if stands != (bool(kinds) and kinds[-1] != "resolved"):
        yield f"{id_} is {report['state']}, and what was told ends with {kinds[-1:] or 'nothing'}"
    if stands and kinds:
        said = evidence.classifications.get(str(told[-1]["id"]))
        # What became less is told to nobody.
        if said and SEVERITY[said] < SEVERITY[report["classification"]]:
            yield f"{id_} is {report['classification']}, and was told as {said}"


def _silent(evidence: Evidence) -> Iterator[str]:
    told = {row["report_id"] for row in evidence.deliveries}
    for id_, row in evidence.reports.items():
        if (row["shadow"] or row["historical"]) and id_ in told:
            yield f"{id_} is silent, and was told"
