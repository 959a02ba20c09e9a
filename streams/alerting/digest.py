"""The week's cosmetic reports in one message: by project, the worst gaps first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from math import isfinite
from typing import Any
from uuid import UUID, uuid5

from detectors.numbers import number
from routing.severity import Severity
from streams.alerting import event
from streams.alerting.content import Kind
from streams.alerting.inert import clean, shorten
from streams.alerting.message import TITLE, Link, Listed, Message, Subject, bounded, first_key
from streams.alerting.places import Places
from streams.alerting.storm import Brief

DIGEST_IDS = UUID("7b0a1f4e-3a55-4d5f-9d0e-2d0e8b1c6a94")
"""Namespace of a digest's id: it follows from the channel and the Monday of its week."""
COSMETIC_REPORTS = "/v1/divergence-reports?classification=COSMETIC&status=OPEN"
_PROJECTS, _OF_EACH = 8, 5
_IDS = 1000
_NAME, _SUMMARY = 60, 200


@dataclass(frozen=True, slots=True)
class Digest:
    """What a channel is told of a week, at least one brief; `org` is the organisation's slug.

    `monday` is the first day of the week in which it is told, `before` how many reports that are still open
    it was told of in digests before.
    """

    org_id: UUID
    org: str
    channel_id: UUID
    monday: date
    at: datetime
    briefs: Sequence[Brief]
    before: int = 0
    places: Places = field(default_factory=Places)

    @property
    def id(self) -> UUID:
        """The digest's id, the same however often it is made."""
        return digest_id(self.channel_id, self.monday)


def digest_id(channel_id: UUID, monday: date) -> UUID:
    """Return the id of the digest that a channel is told in a week."""
    return uuid5(DIGEST_IDS, f"{channel_id}/{monday.isoformat()}")


def message(digest: Digest) -> Message:
    """Return what is told of a week, in words."""
    count, projects = len(digest.briefs), _by_project(digest.briefs)
    link = digest.places.address(COSMETIC_REPORTS)
    return Message(
        kind=Kind.DIGEST,
        key=first_key(),
        at=digest.at,
        severity=Severity.INFO,
        subject=_subject(digest),
        title=shorten(f"Week of {digest.monday:%Y-%m-%d}: {_counted(count, 'small divergence')}", TITLE),
        sentence=f"Production differs a little from {_counted(count, 'assumption')} of "
        f"{_counted(len(projects), 'project')}: too little to wake anybody, worth a look before it grows.",
        facts=(
            ("New", f"{count:,}"),
            ("Told before", f"{digest.before:,} that are still open"),
        ),
        lists=tuple(_listed(projects)),
        links=(Link("All cosmetic reports", link),) if link else (),
        note=f"API: {COSMETIC_REPORTS}",
    )


def render(message: Message, digest: Digest) -> dict[str, Any]:
    """Return the event about a week, with the words that other channels show; ids of the worst gaps alone."""
    worst = sorted(digest.briefs, key=_rank)[:_IDS]
    data = {
        "org_id": str(digest.org_id),
        "id": str(digest.id),
        "week": digest.monday.isoformat(),
        "reports": len(digest.briefs),
        "report_ids": [str(brief.report_id) for brief in worst],
        "message": event.in_words(message),
    }
    return {"type": f"divergence.{message.kind}", "timestamp": digest.at.isoformat(), "data": data}


def _by_project(briefs: Sequence[Brief]) -> list[tuple[str, list[Brief]]]:
    """Return projects with their reports, worst gap first; the project with the worst of all is the first."""
    ordered = sorted(briefs, key=lambda brief: brief.project)
    grouped = groupby(ordered, key=lambda brief: brief.project)
    ranked = [(project, sorted(found, key=_rank)) for project, found in grouped]
    return sorted(ranked, key=lambda pair: (_rank(pair[1][0]), pair[0]))


def _rank(brief: Brief) -> tuple[float, datetime, str]:
    return -abs(brief.gap), brief.detected_at, str(brief.report_id)


def _listed(projects: Sequence[tuple[str, list[Brief]]]) -> list[Listed]:
    shown = [
        Listed(
            f"{clean(project, _NAME) or '-'} ({len(found):,})",
            bounded([_line(brief) for brief in found], _OF_EACH),
        )
        for project, found in projects[:_PROJECTS]
    ]
    rest = projects[_PROJECTS:]
    if rest:
        named = [f"{clean(project, _NAME) or '-'}: {len(found):,}" for project, found in rest]
        shown.append(Listed(f"{_counted(len(rest), 'more project')}", bounded(named, _PROJECTS)))
    return shown


def _line(brief: Brief) -> str:
    gap = f"{number(100 * brief.gap)} %" if isfinite(brief.gap) else "of an assumed 0"
    return f"{gap}: {clean(brief.summary, _SUMMARY)} ({brief.report_id})"


def _counted(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def _subject(digest: Digest) -> Subject:
    org = clean(digest.org, 100) or "-"
    return Subject(
        id=digest.id,
        thread=str(digest.id),
        labels=(("alertname", "AssumptionDigest"), ("digest_id", str(digest.id)), ("org", org)),
        org=org,
        project=org,
        kind="DIGEST",
        component="many",
        began=digest.at,
        address=digest.places.address(COSMETIC_REPORTS),
    )
