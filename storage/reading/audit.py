from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.reading.pages import Orders, Slice, page
from storage.tables import AuditLog

ORDERS: Orders = {"timestamp": (AuditLog.timestamp, AuditLog.id)}


@dataclass(frozen=True)
class Wanted:
    """Which entries: None says all; `since` is about `timestamp`, inclusive."""

    resource_type: str | None = None
    resource_id: UUID | None = None
    actor_id: UUID | None = None
    action: str | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Entry:
    """An entry as it was told: what is a person's stands in `changes_*`, unless it was erased."""

    id: UUID
    org_id: UUID
    project_id: UUID | None
    timestamp: datetime
    actor_kind: str
    actor_id: UUID
    actor_name: str | None
    action: str
    resource_type: str
    resource_id: UUID
    changes_before: Mapping[str, Any] | None
    changes_after: Mapping[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    rationale: str | None
    is_erased: bool


async def listed(session: AsyncSession, org_id: UUID, wanted: Wanted, part: Slice) -> list[Entry]:
    """Return a part of the organisation's log, as far as whoever asks may read it."""
    query = select(AuditLog).where(AuditLog.org_id == org_id)
    for name in ("resource_type", "resource_id", "actor_id", "action"):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(getattr(AuditLog, name) == value)
    if wanted.since:
        query = query.where(AuditLog.timestamp >= wanted.since)
    return [_entry(row) for row in await page(session, query, part)]


def _entry(row: AuditLog) -> Entry:
    personal = row.personal or {}
    erased = (row.client_digest and not row.client_salt) or (row.personal_digest and not row.personal_salt)
    return Entry(
        row.id,
        row.org_id,
        row.project_id,
        row.timestamp,
        row.actor_kind,
        row.actor_id,
        row.actor_name,
        row.action,
        row.resource_type,
        row.resource_id,
        _whole(row.changes_before, personal.get("before")),
        _whole(row.changes_after, personal.get("after")),
        row.ip_address,
        row.user_agent,
        row.rationale,
        bool(erased),
    )


def _whole(changes: Mapping[str, Any] | None, personal: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return changes if changes is None else {**changes, **(personal or {})}
