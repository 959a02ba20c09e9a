from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from api.schemas.base import Sent
from routing.matchers import NoticeKind


class AlertNotice(Sent):
    """Something that the system noticed of a project by itself: that it is silent, for one."""

    id: UUID
    org_id: UUID
    project_id: UUID
    kind: NoticeKind
    cohort: str = Field(description="of COHORT_SILENT, '' the samples without one; else ''", examples=[""])
    opened_at: datetime
    ended_at: datetime | None = Field(description="since when it is over, null while it is not")
    detail: dict[str, Any] = Field(
        description="what the kind asks for (docs/watching.md); `over` is why it ended",
        examples=[{"last": "2026-11-03T10:00:00+00:00", "missed": 6.0, "needed": 3.0}],
    )
    updated_at: datetime
