"""Notices of each kind, and one that is over, the same each time."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid5

from routing.matchers import NoticeKind
from streams.alerting.notice import Notice
from tests.golden.samples import DETECTED, IDS, ORG, PLACES, PROJECT

HOUR = timedelta(hours=1)
SILENT = Notice(
    org_id=ORG,
    org="acme",
    project_id=PROJECT,
    project="Checkout",
    id=uuid5(IDS, "notice"),
    kind=NoticeKind.PROJECT_SILENT,
    cohort="",
    opened_at=DETECTED,
    ended_at=None,
    detail={"last": (DETECTED - 14 * HOUR).isoformat(), "missed": 6.0, "needed": 3.0},
    at=DETECTED + HOUR / 2,
    places=PLACES,
)
SAMPLES = {
    "project_silent": SILENT,
    "project_silent_over": replace(
        SILENT,
        ended_at=DETECTED + 2 * HOUR,
        at=DETECTED + 2 * HOUR,
        detail={**SILENT.detail, "over": "published again"},
    ),
    "cohort_silent": replace(
        SILENT,
        id=uuid5(IDS, "notice of a cohort"),
        kind=NoticeKind.COHORT_SILENT,
        cohort="mainstream <b>&amp;*_~`",
        detail={**SILENT.detail, "missed": 12.25, "needed": 10.5},
    ),
    "dead_letters": replace(
        SILENT,
        id=uuid5(IDS, "notice of dead letters"),
        kind=NoticeKind.DEAD_LETTERS,
        detail={
            "refused": 1200,
            "accepted": 3600,
            "share": 0.25,
            "reasons": {"bad_unit": 1100, "future": 80, "too_late": 20},
        },
    ),
    "detection_behind": replace(
        SILENT,
        id=uuid5(IDS, "notice of days"),
        kind=NoticeKind.DETECTION_BEHIND,
        detail={
            "closed_through": "2026-11-03",
            "folded_through": "2026-11-01",
            "since": (DETECTED - HOUR).isoformat(),
            "assumptions": 3,
        },
    ),
}
