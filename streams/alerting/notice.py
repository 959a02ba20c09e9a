"""What is told of a notice: silence of a project or cohort, samples that are refused, days that wait.

A notice that is over says so in the same thread; no data is no recovery, and is never taken for one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from detectors.numbers import number
from routing.matchers import NoticeKind
from routing.severity import Severity
from streams.alerting import event, words
from streams.alerting.content import Kind
from streams.alerting.inert import clean, shorten
from streams.alerting.message import TITLE, Link, Message, Subject, first_key
from streams.alerting.places import Places

_NAME = 100
_REASONS = 5
_SEVERITIES = {
    NoticeKind.PROJECT_SILENT: Severity.ERROR,
    NoticeKind.COHORT_SILENT: Severity.WARNING,
    NoticeKind.DEAD_LETTERS: Severity.WARNING,
    NoticeKind.DETECTION_BEHIND: Severity.ERROR,
}
_NAMES = {
    NoticeKind.PROJECT_SILENT: "ProjectSilent",
    NoticeKind.COHORT_SILENT: "CohortSilent",
    NoticeKind.DEAD_LETTERS: "DeadLetters",
    NoticeKind.DETECTION_BEHIND: "DetectionBehind",
}
_ENDED = {
    "published again": "samples come again",
    "archived": "the project was archived, or is no more; whether it would publish nobody knows",
    "forgotten": "its series are forgotten; it did not come back",
    "fewer are refused": "fewer samples are refused",
    "caught up": "detection has caught up",
}
"""Why a notice is over (`streams.noticing`), as people read it."""
_Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice when it is told at `at`; `org` is the organisation's slug, `detail` the notice's own."""

    org_id: UUID
    org: str
    project_id: UUID
    project: str
    id: UUID
    kind: NoticeKind
    cohort: str
    opened_at: datetime
    ended_at: datetime | None
    detail: Mapping[str, Any]
    at: datetime
    places: Places = field(default_factory=Places)


def severity(kind: str) -> Severity:
    """Return how loud a notice is: a project of which nothing is judged any more is as loud as a report."""
    return _SEVERITIES[NoticeKind(kind)]


def message(notice: Notice) -> Message:
    """Return what is told of a notice, in words."""
    title, sentence, facts = _TOLD[notice.kind](notice)
    over = notice.ended_at is not None
    link = notice.places.address(_path(notice))
    return Message(
        kind=Kind.NOTICE,
        key="over" if over else first_key(),
        at=notice.at,
        severity=severity(notice.kind),
        subject=_subject(notice),
        title=shorten(f"Over after {_lasted(notice)}: {title}" if over else title, TITLE),
        sentence=f"What was told: {sentence}" if over else sentence,
        facts=(
            *((("What changed", _changed(notice)),) if over else ()),
            *facts,
            ("Project", clean(notice.project, _NAME) or "-"),
            ("Noticed", words.moment(notice.opened_at)),
        ),
        links=(Link("Notices", link),) if link else (),
        note=f"Notice {notice.id}; API: {_path(notice)}",
        over=over,
    )


def render(message: Message, notice: Notice) -> dict[str, Any]:
    """Return the event about a notice, with the words that other channels show."""
    data = {
        "org_id": str(notice.org_id),
        "id": str(notice.id),
        "project_id": str(notice.project_id),
        "kind": str(notice.kind),
        "cohort": notice.cohort,
        "opened_at": notice.opened_at.isoformat(),
        "ended_at": notice.ended_at.isoformat() if notice.ended_at else None,
        "detail": dict(notice.detail),
        "message": event.in_words(message),
    }
    kind = "notice.ended" if notice.ended_at else "notice.opened"
    return {"type": kind, "timestamp": notice.at.isoformat(), "data": data}


def _silent(notice: Notice) -> tuple[str, str, _Facts]:
    last = datetime.fromisoformat(notice.detail["last"])
    project = clean(notice.project, _NAME) or "-"
    return (
        f"No data from {project} for {words.lasted(notice.opened_at - last)}",
        (
            f"Nothing comes in of {project} at hours at which something usually does. As long as it is silent"
            " no assumption about it is judged. Look at what sends its samples first."
        ),
        _usual(notice),
    )


def _cohort(notice: Notice) -> tuple[str, str, _Facts]:
    project, cohort = clean(notice.project, _NAME) or "-", _cohort_name(notice)
    return (
        f"No data of {cohort} of {project}",
        (
            f"Nothing comes in of {cohort}, while other samples of {project} do: it was renamed, is tracked"
            " no more, or these people are gone. Assumptions about it are not judged."
        ),
        (("Cohort", cohort), *_usual(notice)),
    )


def _refused(notice: Notice) -> tuple[str, str, _Facts]:
    detail = notice.detail
    reasons = sorted(detail["reasons"].items(), key=lambda pair: (-pair[1], pair[0]))[:_REASONS]
    share = f"{number(100 * detail['share'])} %"
    return (
        f"{share} of what {clean(notice.project, _NAME) or '-'} sends is refused",
        (
            f"Within an hour {detail['refused']:,} samples were refused and {detail['accepted']:,} accepted."
            " What is refused is in no number here; it lies among the dead letters, and can be sent again"
            " when the cause is gone."
        ),
        (("Refused for", ", ".join(f"{clean(name, 40)} ({count:,})" for name, count in reasons)),),
    )


def _behind(notice: Notice) -> tuple[str, str, _Facts]:
    detail, project = notice.detail, clean(notice.project, _NAME) or "-"
    folded = detail["folded_through"]
    return (
        f"Detection is behind for {project}",
        (
            f"Days of {project} are complete that were not judged within an hour: what breaks now is told"
            " late. This is for whoever operates the system."
        ),
        (
            ("Complete through", clean(detail["closed_through"], 40)),
            ("Judged through", clean(folded, 40) if folded else "no day yet"),
            ("Assumptions that wait", f"{detail['assumptions']:,}"),
        ),
    )


_TOLD: Mapping[NoticeKind, Callable[[Notice], tuple[str, str, _Facts]]] = {
    NoticeKind.PROJECT_SILENT: _silent,
    NoticeKind.COHORT_SILENT: _cohort,
    NoticeKind.DEAD_LETTERS: _refused,
    NoticeKind.DETECTION_BEHIND: _behind,
}


def _usual(notice: Notice) -> _Facts:
    detail = notice.detail
    return (
        ("Last data", words.moment(datetime.fromisoformat(detail["last"]))),
        (
            "Usual hours missed",
            f"{number(detail['missed'])}; from {number(detail['needed'])} on it is silence",
        ),
    )


def _changed(notice: Notice) -> str:
    why = str(notice.detail.get("over", ""))
    return _ENDED.get(why, clean(why, _NAME) or "it is over")


def _lasted(notice: Notice) -> str:
    return words.lasted((notice.ended_at or notice.at) - notice.opened_at)


def _cohort_name(notice: Notice) -> str:
    name = clean(notice.cohort, _NAME)
    return f"cohort {name}" if name else "samples without a cohort"


def _path(notice: Notice) -> str:
    return f"/v1/alert-notices?project_id={notice.project_id}"


def _subject(notice: Notice) -> Subject:
    labels = {
        "alertname": _NAMES[notice.kind],
        "notice_id": str(notice.id),
        "org": clean(notice.org, _NAME) or "-",
        "project_id": str(notice.project_id),
        "cohort": clean(notice.cohort, _NAME),
    }
    return Subject(
        id=notice.id,
        thread=str(notice.id),
        labels=tuple((name, said) for name, said in labels.items() if said),
        org=clean(notice.org, _NAME) or "-",
        project=clean(notice.project, _NAME) or "-",
        kind=str(notice.kind),
        component=_cohort_name(notice) if notice.kind is NoticeKind.COHORT_SILENT else "ingest",
        began=notice.opened_at,
        address=notice.places.address(_path(notice)),
    )
