"""Which channels know of a report, and how they were told: what the notifier noted, as people ask for it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, and_, case, func, null, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page_of
from storage.tables import AlertChannel, AlertTold
from storage.tables import alerts as kept

WAITING: Final = "WAITING"
DIGEST: Final = "digest"
STATES = (WAITING, "TOLD", "ENDED")
THREAD_KINDS = (*kept.THREAD_KINDS, DIGEST)
_NO_ROUTE = UUID(int=0)
_IN_DIGEST = AlertTold.state == "DIGEST"
_WAITS = and_(_IN_DIGEST, AlertTold.reminded_at.is_(None))
# When it was noted: of what waits for the digest nobody was told then.
_NOTED_AT = AlertTold.first_told_at.label("noted_at")
ORDERS: Orders = {"first_told_at": (_NOTED_AT, AlertTold.channel_id)}
# A digest notes in `reminded_at` that it told (storage/digests.py), and has a thread of its own each week.
_COLUMNS = (
    AlertTold.channel_id,
    AlertChannel.name.label("channel_name"),
    AlertChannel.kind.label("channel_kind"),
    func.nullif(AlertTold.route_id, _NO_ROUTE).label("route_id"),
    case((_WAITS, WAITING), (_IN_DIGEST, "TOLD"), else_=AlertTold.state).label("state"),
    case((_IN_DIGEST, DIGEST), else_=AlertTold.thread_kind).label("thread_kind"),
    case((_IN_DIGEST, null()), else_=AlertTold.thread_id).label("thread_id"),
    AlertTold.classification,
    case((_IN_DIGEST, AlertTold.reminded_at), else_=AlertTold.first_told_at).label("first_told_at"),
    case((_IN_DIGEST, AlertTold.reminded_at), else_=AlertTold.told_at).label("told_at"),
    case((_IN_DIGEST, null()), else_=AlertTold.reminded_at).label("reminded_at"),
    AlertTold.escalated_at,
    _NOTED_AT,
)


async def listed(session: AsyncSession, org_id: UUID, report_id: UUID, part: Slice) -> Sequence[Row[Any]]:
    """Return a part of the channels that know of a report, removed ones too, or will by the next digest."""
    query = (
        select(*_COLUMNS)
        .join(
            AlertChannel,
            and_(AlertChannel.org_id == AlertTold.org_id, AlertChannel.id == AlertTold.channel_id),
        )
        .where(AlertTold.org_id == org_id, AlertTold.subject_id == report_id)
    )
    return await page_of(session, query, part)
