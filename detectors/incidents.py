"""Which reports belong together: what broke on one ground is one incident (docs/cascade.md)."""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

from detectors.cascade import Lineage

Thing = TypeVar("Thing", bound=Hashable)

INCIDENT_IDS = UUID("fe03a7bd-685d-44f6-8753-0202b5d24c63")
"""Namespace of incident ids: an id follows from the report that the incident is known by."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A report: the place of its artifact in the lineage, and when it was open.

    `ended_at` None is a report that is open still.
    """

    report_id: UUID
    place: str
    detected_at: datetime
    ended_at: datetime | None = None


def incidents(lineage: Lineage, reports: Collection[Reported]) -> dict[UUID, UUID]:
    """Return the incident id of each report, by report id; the order of the reports is irrelevant.

    A report belongs to one about the same artifact, or about one that its artifact rests on, near or far,
    if both were open at some time: so on to a report that belongs to no further one, the root. Of several
    roots the one detected first is taken, of artifacts that rest on each other in a circle likewise. The
    incident's id follows from the root, and the root is in it.

    It is a function of the reports alone: given all of a project's, ended ones too, it says the same in
    whatever steps they came to be known. A root that comes to be known later gives what rests on it
    another incident.
    """
    bases: dict[str, set[str]] = {}
    for artifact, base in lineage.depends_on:
        bases.setdefault(artifact, set()).add(base)
    grounds = {place: _reached(place, bases) for place in {report.place for report in reports}}
    above = {
        report: {other for other in reports if other.place in grounds[report.place] and _meet(report, other)}
        for report in reports
    }
    reach = {report: _reached(report, above) for report in reports}
    roots = {one for one in reports if all(one in reach[further] for further in reach[one])}
    known_by = {report: min(reach[report] & roots, key=_first) for report in reports}
    return {one.report_id: incident_id(root.report_id) for one, root in known_by.items()}


def incident_id(root: UUID) -> UUID:
    """Return the id of the incident that is known by this report."""
    return uuid5(INCIDENT_IDS, str(root))


def _first(report: Reported) -> tuple[datetime, UUID]:
    return report.detected_at, report.report_id


def _reached(start: Thing, graph: Mapping[Thing, set[Thing]]) -> set[Thing]:
    reached, waiting = {start}, [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def _meet(one: Reported, other: Reported) -> bool:
    return not (_ended(one, other.detected_at) or _ended(other, one.detected_at))


def _ended(report: Reported, at: datetime) -> bool:
    return report.ended_at is not None and report.ended_at <= at
