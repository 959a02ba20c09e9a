"""Heartbeats of channels: put where the system serves an organisation from end to end, and only there.

A heartbeat that stays away is the alarm. What makes one was read, closed, judged and decided in time; the
relay that sends it is the last that it needs. One that still waits is replaced by the next.
"""

import logging
from datetime import datetime

import asyncpg

from settings import Settings
from storage import beating, deliveries, turns
from storage.beating import Beating
from storage.database import AWAY
from storage.deliveries import New
from streams.alerting import pulse
from streams.alerting.mail import Envelope
from streams.alerting.places import Places
from streams.alerting.pulse import Channel
from streams.alerting.render import rendered
from streams.app import GROUP

log = logging.getLogger(__name__)


async def beat(pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
    """Put the heartbeats that are due; of an organisation that is not served, none."""
    async with pool.acquire() as connection:
        organisations = await beating.organisations(connection)
    for org_id in organisations:
        try:
            async with pool.acquire() as connection, connection.transaction():
                if not await turns.taken(connection, f"heartbeats of {org_id}"):
                    continue
                due = [
                    each
                    for each in await beating.channels(connection, org_id)
                    if pulse.beats(each.kind) and each.is_due(now)
                ]
                ails = due and await beating.ailing(connection, org_id, GROUP, settings.grace, now)
                if ails:
                    log.warning("no heartbeat for organisation %s: %s", org_id, ails)
                elif due:
                    await deliveries.put(connection, [_new(settings, each, now) for each in due])
        except AWAY:
            raise
        except (asyncpg.PostgresError, ValueError) as error:
            log.warning("no heartbeat for organisation %s, later again: %r", org_id, error)


def _new(settings: Settings, to: Beating, now: datetime) -> New:
    base = settings.public_url
    places = Places(str(base).rstrip("/") if base else None)
    channel = Channel(to.org_id, to.slug, to.channel_id, to.name, places)
    said, addressed = pulse.heartbeat(channel, to.every, now), None
    if to.kind == "email":
        addressed = Envelope(settings.smtp_from or "nobody@localhost", ", ".join(to.settings["to"]))
    form = rendered(to.kind, said, pulse.render(said, channel), None, addressed, places)
    return New(to.org_id, to.channel_id, None, None, to.thread_id, "heartbeat", form.body, form.headers)
