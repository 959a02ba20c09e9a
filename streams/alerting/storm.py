"""Many reports at once in one message: how many, of what, and the worst of them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid5

from detectors.divergence import Classification
from routing.severity import Severity
from streams.alerting.content import Kind
from streams.alerting.inert import clean, shorten
from streams.alerting.message import STORM, TITLE, Link, Listed, Message, Subject, bounded
from streams.alerting.places import OPEN_REPORTS, Places

STORM_IDS = UUID("c86f2f0b-6f4a-4a0e-9a52-0f0a3f1b7c55")
"""Namespace of a storm's id: it follows from the organisation and when its first report was detected."""
_WORST = 10
_GRAVITY = {Classification.MAJOR: 2, Classification.MINOR: 1, Classification.COSMETIC: 0}
_LOUDNESS = (Severity.INFO, Severity.WARNING, Severity.ERROR)


@dataclass(frozen=True, slots=True)
class Brief:
    """One report of many; `gap` is the relative gap, a share with its sign."""

    report_id: UUID
    project: str
    divergence_type: str
    classification: str
    summary: str
    gap: float
    detected_at: datetime


@dataclass(frozen=True, slots=True)
class Storm:
    """What is told of many reports, at least one; `org` is the organisation's slug.

    `id` is the storm's, None where it follows from its reports. `again` is one that was told before and
    lasts, `over` one of which all reports have ended. `before` are the classifications that were told of its
    reports, of one that tells that all of them became worse.
    """

    org_id: UUID
    org: str
    at: datetime
    briefs: Sequence[Brief]
    places: Places = field(default_factory=Places)
    id: UUID | None = None
    again: bool = False
    over: bool = False
    before: Sequence[str] = ()


def message(storm: Storm) -> Message:
    """Return what is told of many reports, in words."""
    ranked = sorted(storm.briefs, key=_rank)
    began = min(brief.detected_at for brief in ranked)
    about = storm.id or uuid5(STORM_IDS, f"{storm.org_id}/{began.isoformat()}")
    grave = max(_GRAVITY[Classification(brief.classification)] for brief in ranked)
    link = storm.places.address(OPEN_REPORTS)
    return Message(
        kind=Kind.STORM,
        key=f"{Kind.STORM}.{storm.at:%Y%m%dT%H%M%SZ}" if storm.again or storm.over else str(Kind.STORM),
        at=storm.at,
        severity=_LOUDNESS[grave],
        subject=_subject(storm, about, began),
        title=shorten(f"{_headline(storm)}: {_classes(storm)}", TITLE),
        sentence=_sentence(storm),
        facts=_facts(storm),
        lists=(Listed(f"The worst {min(len(ranked), _WORST)}", _worst(ranked)),),
        links=(Link("All open reports", link),) if link else (),
        note=f"API: {OPEN_REPORTS}",
        over=storm.over,
    )


def _facts(storm: Storm) -> tuple[tuple[str, str], ...]:
    facts = (
        ("By classification", _classes(storm)),
        ("By type", _counted(brief.divergence_type for brief in storm.briefs)),
        ("By project", _counted(clean(brief.project, 60) for brief in storm.briefs)),
    )
    return (("Were", _counted(storm.before, list(_GRAVITY))), *facts) if storm.before else facts


def _classes(storm: Storm) -> str:
    return _counted((brief.classification for brief in storm.briefs), list(_GRAVITY))


def _headline(storm: Storm) -> str:
    count = f"{len(storm.briefs):,}"
    if storm.over:
        return f"Over: {count} reports have ended"
    if storm.before:
        return f"{count} broken assumptions became worse at once"
    return f"{count} assumptions are {'still broken' if storm.again else 'broken at once'}"


def _sentence(storm: Storm) -> str:
    many = f"{len(storm.briefs):,} assumptions of {_projects(storm.briefs)}"
    if storm.over:
        return (
            f"All reports about {many} have ended: production keeps the assumptions again, they were"
            " replaced, or somebody resolved the reports."
        )
    if storm.before:
        return (
            f"Production contradicts {many} more gravely than was told. So many together have one cause more"
            " often than many: look at what changed for all of them, tracking included."
        )
    if storm.again:
        return f"Production still contradicts {many}, and nobody has acknowledged all of it."
    return (
        f"Production contradicts {many} at once. So many together have one cause more often than many: look"
        " at what changed for all of them, tracking included."
    )


def _rank(brief: Brief) -> tuple[int, float, datetime, str]:
    gravity = _GRAVITY[Classification(brief.classification)]
    return -gravity, -abs(brief.gap), brief.detected_at, str(brief.report_id)


def _subject(storm: Storm, about: UUID, began: datetime) -> Subject:
    return Subject(
        id=about,
        thread=str(about),
        labels=(
            ("alertname", "AssumptionStorm"),
            ("storm_id", str(about)),
            ("org", clean(storm.org, 100) or "-"),
        ),
        org=clean(storm.org, 100) or "-",
        project=clean(storm.org, 100) or "-",
        kind=STORM,
        component="many",
        began=began,
        address=storm.places.address(OPEN_REPORTS),
    )


def _projects(ranked: Sequence[Brief]) -> str:
    count = len({brief.project for brief in ranked})
    return "one project" if count == 1 else f"{count:,} projects"


def _counted(things: Iterable[str], order: Sequence[str] = ()) -> str:
    """Return how many of each, the most frequent first, or in this order."""
    counts = sorted(
        Counter(things).items(),
        key=lambda pair: (order.index(pair[0]) if order else 0, -pair[1], pair[0]),
    )
    return ", ".join(bounded([f"{count:,} {thing}" for thing, count in counts], _WORST))


def _worst(ranked: Sequence[Brief]) -> tuple[str, ...]:
    return tuple(
        f"{brief.classification}, {clean(brief.project, 60)}: {clean(brief.summary, 200)} ({brief.report_id})"
        for brief in ranked[:_WORST]
    )
