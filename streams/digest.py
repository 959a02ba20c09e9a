"""The weekly digest: each Monday at 08:00 of the organisation, one message a channel of what is small.

What is written, told and noted is one transaction's: whoever is killed in the middle has told nothing, and of
two workers one tells. A Monday that nobody worked on is made up for, once.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import asyncpg

from routing import weekly
from routing.calm import held
from routing.severity import Severity
from routing.weekly import Week
from settings import Settings
from storage import deliveries, digests, turns
from storage.calm import calm
from storage.deliveries import New
from storage.digests import Recipient, Tenant, Waiting
from storage.ledger import Connection
from storage.routing import targets
from streams.alerting import digest
from streams.alerting.digest import Digest
from streams.alerting.mail import Envelope
from streams.alerting.places import Places
from streams.alerting.render import rendered
from streams.alerting.storm import Brief

log = logging.getLogger(__name__)


async def tell(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Put the digests that are due, and were not put yet, among what is delivered."""
    async with pool.acquire() as connection:
        tenants = await digests.tenants(connection)
    for tenant in tenants:
        try:
            async with pool.acquire() as connection, connection.transaction():
                if await turns.taken(connection, f"the digest of {tenant.id}"):
                    await _tell(connection, settings, tenant, now)
        except ValueError:
            # One that cannot be put into words keeps nobody else's back.
            log.exception("the digest of organisation %s", tenant.id)


async def _tell(connection: Connection, settings: Settings, tenant: Tenant, now: datetime) -> None:
    week = weekly.week(now, _zone(tenant.zone))
    await digests.drop_ended(connection, tenant.id)
    recipients = await digests.recipients(connection, tenant.id, week.due)
    threads = {each.channel_id: digest.digest_id(each.channel_id, week.monday) for each in recipients}
    done = await digests.told(connection, tenant.id, threads)
    holds = await _holds(connection, tenant.id, recipients, now)
    for recipient in recipients:
        if recipient.channel_id in done:
            continue
        waiting = {each.report_id: holds[each.report_id] for each in recipient.waiting}
        if now_told := weekly.ready(waiting, now, week.due):
            about = [each for each in recipient.waiting if each.report_id in now_told]
            await deliveries.put(connection, [_new(settings, tenant, recipient, week, about, now)])
            await digests.note_told(connection, tenant.id, recipient.channel_id, now_told, now)


async def _holds(
    connection: Connection, org_id: UUID, recipients: Sequence[Recipient], now: datetime
) -> dict[UUID, datetime | None]:
    """Return until when each report that waits is held, by a silence, a window, or whoever put it off."""
    waiting = {each.report_id: each for recipient in recipients for each in recipient.waiting}
    found = await targets(connection, org_id, waiting)
    silences, windows = await calm(connection, org_id, now)
    holds: dict[UUID, datetime | None] = {}
    for report_id, each in waiting.items():
        by = held(found[report_id], Severity.INFO, silences, windows, now)
        ends = [by.until] if by else []
        ends += [each.snoozed_until] if each.snoozed_until and each.snoozed_until > now else []
        holds[report_id] = max(ends, default=None)
    return holds


def _new(
    settings: Settings,
    tenant: Tenant,
    recipient: Recipient,
    week: Week,
    about: Sequence[Waiting],
    now: datetime,
) -> New:
    base = settings.public_url
    places = Places(str(base).rstrip("/") if base else None)
    briefs = [_brief(each) for each in about]
    told = Digest(
        *(tenant.id, tenant.slug, recipient.channel_id, week.monday, now, briefs, recipient.before, places)
    )
    said, addressed = digest.message(told), None
    if recipient.kind == "email":
        addressed = Envelope(settings.smtp_from or "nobody@localhost", ", ".join(recipient.settings["to"]))
    form = rendered(recipient.kind, said, digest.render(said, told), None, addressed, places)
    return New(tenant.id, recipient.channel_id, None, None, told.id, "digest", form.body, form.headers)


def _brief(each: Waiting) -> Brief:
    return Brief(
        each.report_id,
        each.project,
        each.divergence_type,
        each.classification,
        each.summary,
        each.gap,
        each.detected_at,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
