"""The weekly digest on real rows: once a channel and week, whatever becomes of who tells it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import NullPool

from settings import Settings
from storage import channel_secrets, deliveries, tables
from storage.database import engine
from streams import digest
from streams.chores import CHORES
from tests import told
from tests.databases import SECRET
from tests.world import Place, World, assumption, report

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
VIENNA = ZoneInfo("Europe/Vienna")
EIGHT = datetime(2026, 11, 30, 8, tzinfo=VIENNA).astimezone(UTC)
"""A Monday's."""
ADDRESSES = ["a@people.example", "b@people.example"]


@dataclass
class Office:
    """An organisation in Vienna with a project, and what waits there."""

    world: World
    pool: asyncpg.Pool
    settings: Settings
    place: Place = field(default_factory=lambda: Place(uuid4(), uuid4()))
    user: UUID = field(default_factory=uuid4)

    async def run(self, now: datetime) -> None:
        await digest.tell(self.pool, self.settings, now)

    async def do(self, query: str, *more: Any, triggers: bool = True) -> list[Any]:
        """Run it as a superuser; without triggers nobody asks what day it is."""
        async with self.world.database.superuser() as connection:
            if not triggers:
                await connection.execute("SET session_replication_role = replica")
            return list(await connection.fetch(query, self.place.org, *more))

    async def channel(self, kind: str = "webhook", **settings: object) -> UUID:
        made = uuid4()
        sealed = None if kind == "email" else channel_secrets.seal(SECRET, {"secrets": ["whsec_c2VjcmV0"]})
        await self.do(
            """INSERT INTO alert_channel (org_id, id, name, kind, settings, sealed, created_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            *(made, str(made), kind, json.dumps(settings or {"url": "https://receiver.example/"})),
            *(sealed, self.user),
        )
        return made

    async def report(self, channel: UUID, noted: datetime, gap: float = -0.04) -> UUID:
        """Let a small divergence wait for the digest of a channel since `noted`."""
        made = uuid4()
        detected = noted - made.int % 10**9 * timedelta(microseconds=1)
        found = report(
            self.place, detected, id=made, classification="COSMETIC", relative_gap=gap, summary=f"gap {gap}"
        )
        await _add(self.world, [found])
        await self.wait(channel, made, noted)
        return made

    async def wait(self, channel: UUID, report_id: UUID, noted: datetime) -> None:
        await self.do(
            """INSERT INTO alert_told (org_id, channel_id, subject_id, subject_kind, project_id, route_id,
                   thread_id, thread_kind, state, classification, first_told_at, told_at)
               VALUES ($1, $2, $3, 'report', $4, gen_random_uuid(), $3, 'subject', 'DIGEST', 'COSMETIC',
                       $5, $5)""",
            *(channel, report_id, self.place.project, noted),
        )

    async def told(self, channel: UUID) -> list[list[str]]:
        """Return the ids of the reports in each digest of a channel, oldest first."""
        rows = await self.do(
            "SELECT kind, body FROM alert_delivery WHERE org_id = $1 AND channel_id = $2 ORDER BY sequence",
            channel,
        )
        assert {row["kind"] for row in rows} <= {"digest"}
        return [json.loads(row["body"])["data"]["report_ids"] for row in rows]


async def _add(world: World, rows: list[Any]) -> None:
    mighty = engine(world.database.superuser_url, poolclass=NullPool)
    async with AsyncSession(mighty) as session, session.begin():
        for row in rows:
            session.add(row)
            await session.flush()
    await mighty.dispose()


@asynccontextmanager
async def opened(world: World, settings: Settings) -> AsyncIterator[Office]:
    async with asyncpg.create_pool(world.database.worker_url, min_size=1, max_size=4) as pool:
        office = Office(world, pool, settings)
        place, user = office.place, office.user
        org = {"org_id": place.org}
        await _add(
            world,
            [
                tables.Organization(
                    id=place.org, name="Acme", slug=f"acme-{place.org.hex[:8]}", timezone="Europe/Vienna"
                ),
                tables.User(id=user, email=f"{user}@people.example", full_name="Ann"),
                tables.Workspace(**org, id=place.workspace, name="Main", created_by=user),
                tables.Project(
                    **org,
                    id=place.project,
                    workspace_id=place.workspace,
                    name="Checkout",
                    problem_statement="It takes too long to pay.",
                    created_by=user,
                ),
                tables.Artifact(
                    **org, id=place.artifact, project_id=place.project, type="PRD", key="prd", created_by=user
                ),
                assumption(place),
            ],
        )
        yield office


@pytest.fixture
async def office(changing_world: World, settings: Settings) -> AsyncIterator[Office]:
    async with opened(changing_world, settings) as found:
        yield found


def test_a_worker_does_it_every_minute():
    assert [(chore.every, chore.do) for chore in CHORES if "digest" in chore.name] == [
        (timedelta(minutes=1), digest.tell)
    ]


async def test_it_is_told_on_monday_at_eight_and_once(office: Office):
    channel = await office.channel()
    small, large = [str(await office.report(channel, EIGHT - DAY, gap)) for gap in (-0.02, 0.08)]
    late = await office.report(channel, EIGHT + HOUR)
    await office.run(EIGHT - timedelta(seconds=1))
    assert await office.told(channel) == []
    for _ in range(3):
        await office.run(EIGHT)
    assert await office.told(channel) == [[large, small]]
    for hours in (1, 30, 7 * 24 - 1):
        await office.run(EIGHT + hours * HOUR)
    assert len(await office.told(channel)) == 1
    await office.run(EIGHT + WEEK)
    assert await office.told(channel) == [[large, small], [str(late)]], "told once"
    (delivery, *_) = await office.do("SELECT * FROM alert_delivery WHERE org_id = $1 ORDER BY sequence DESC")
    assert (delivery["project_id"], delivery["report_id"], delivery["status"]) == (None, None, "PENDING")
    assert json.loads(delivery["body"])["data"]["message"]["facts"][1]["value"] == "2 that are still open"


async def test_a_monday_that_was_missed_is_made_up_for_once(office: Office):
    channel = await office.channel()
    first = await office.report(channel, EIGHT - 20 * DAY)
    second = await office.report(channel, EIGHT - DAY)
    after = await office.report(channel, EIGHT + 2 * DAY)
    await office.run(EIGHT + 3 * DAY)
    await office.run(EIGHT + 4 * DAY)
    (found,) = await office.told(channel)
    assert set(found) == {str(first), str(second)}
    await office.run(EIGHT + WEEK)
    assert (await office.told(channel))[1:] == [[str(after)]]


async def test_nothing_waits_and_nothing_is_told(office: Office):
    channel = await office.channel()
    await office.run(EIGHT)
    assert await office.told(channel) == []
    # What is noted on Wednesday waits for Monday.
    await office.report(channel, EIGHT + 2 * DAY)
    await office.run(EIGHT + 2 * DAY + HOUR)
    assert await office.told(channel) == []


async def test_what_ended_before_is_left_out_and_is_news_when_it_comes_again(office: Office):
    channel = await office.channel()
    stays, ends, worse = [await office.report(channel, EIGHT - DAY) for _ in range(3)]
    await office.do(
        "UPDATE divergence_report SET status = 'RESOLVED', resolution = 'data' WHERE org_id = $1 AND id = $2",
        ends,
    )
    await office.do(
        "UPDATE divergence_report SET classification = 'MINOR' WHERE org_id = $1 AND id = $2", worse
    )
    await office.run(EIGHT)
    assert await office.told(channel) == [[str(stays)]]
    left = await office.do("SELECT subject_id FROM alert_told WHERE org_id = $1")
    assert {row[0] for row in left} == {stays, worse}, "the notifier's to tell"
    await office.do(
        "UPDATE divergence_report SET status = 'OPEN', resolution = NULL WHERE org_id = $1 AND id = $2", ends
    )
    await office.wait(channel, ends, EIGHT + DAY)
    await office.run(EIGHT + WEEK)
    assert (await office.told(channel))[1:] == [[str(ends)]]


async def test_each_channel_is_told_its_own_in_its_form_and_ledgers_nothing(office: Office):
    hook, other = await office.channel(), await office.channel()
    mail = await office.channel("email", to=ADDRESSES)
    duty, disabled = await office.channel("pagerduty", region="eu"), await office.channel()
    await office.do(
        "UPDATE alert_channel SET disabled_at = now(), disabled_reason = '410' WHERE org_id = $1 AND id = $2",
        disabled,
    )
    found = {
        channel: await office.report(channel, EIGHT - DAY) for channel in (hook, other, mail, duty, disabled)
    }
    await office.run(EIGHT)
    assert await office.told(hook) == [[str(found[hook])]]
    assert await office.told(other) == [[str(found[other])]]
    rows = await office.do(
        "SELECT body, headers FROM alert_delivery WHERE org_id = $1 AND channel_id = $2", mail
    )
    sent = message_from_bytes(rows[0]["body"])
    assert (sent["Subject"], sent["To"]) == ("Week of 2026-11-30: 1 small divergence", ", ".join(ADDRESSES))
    assert await office.told(duty) == await office.told(disabled) == []
    await office.do(
        "UPDATE alert_channel SET disabled_at = NULL, disabled_reason = NULL WHERE org_id = $1 AND id = $2",
        disabled,
    )
    await office.run(EIGHT + DAY)
    assert await office.told(disabled) == [[str(found[disabled])]], "it waited"


async def test_a_held_channels_digest_waits_for_the_windows_end(office: Office):
    channel = await office.channel()
    found = [await office.report(channel, EIGHT - DAY) for _ in range(3)]
    await office.do(
        """INSERT INTO alert_window (org_id, id, name, kind, matchers, timezone, weekdays, from_time, to_time,
                                     created_by)
           VALUES ($1, gen_random_uuid(), 'Mornings', 'QUIET_HOURS', '{}', 'Europe/Vienna', '{1}', '06:00',
                   '10:00', $2)""",
        office.user,
    )
    # One is silenced for weeks, one was put off until Tuesday noon.
    await office.do(
        """UPDATE divergence_report SET metric_name = 'retention' WHERE org_id = $1 AND id = $2""", found[1]
    )
    await office.do(
        """INSERT INTO alert_silence (org_id, id, matchers, starts_at, ends_at, reason, created_by)
           VALUES ($1, gen_random_uuid(), '{"metric_name": ["retention"]}', $2, $3, 'known', $4)""",
        *(EIGHT - DAY, EIGHT + 29 * DAY, office.user),
        triggers=False,
    )
    await office.do(
        "UPDATE divergence_report SET snoozed_until = $3 WHERE org_id = $1 AND id = $2",
        *(found[2], EIGHT + 60 * DAY),
        triggers=False,
    )
    for minutes in (0, 119):
        await office.run(EIGHT + minutes * timedelta(minutes=1))
        assert await office.told(channel) == []
    await office.run(EIGHT + 2 * HOUR)
    assert await office.told(channel) == [[str(found[0])]]
    await office.run(EIGHT + 5 * WEEK + 2 * HOUR)
    assert (await office.told(channel))[1:] == [[str(found[1])]], "the silence is over"


async def test_two_workers_tell_once_and_who_is_killed_in_the_middle_has_told_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    channel = await office.channel()
    found = await office.report(channel, EIGHT - DAY)
    put = deliveries.put

    async def killed(*args: Any) -> None:
        await put(*args)
        raise asyncio.CancelledError

    monkeypatch.setattr(deliveries, "put", killed)
    with pytest.raises(asyncio.CancelledError):
        await office.run(EIGHT)
    monkeypatch.setattr(deliveries, "put", put)
    assert await office.told(channel) == []
    await asyncio.gather(*(office.run(EIGHT) for _ in range(4)))
    await office.run(EIGHT)
    assert await office.told(channel) == [[str(found)]]


async def test_whoever_comes_while_another_tells_leaves_it_alone(
    office: Office, monkeypatch: pytest.MonkeyPatch
):
    # No lock of a row keeps the second from telling: what the first tells of is no longer small by then, and
    # what the second finds was noted in the meantime.
    channel = await office.channel()
    first = await office.report(channel, EIGHT - DAY)
    put, telling, go = deliveries.put, asyncio.Event(), asyncio.Event()

    async def slowly(*args: Any) -> None:
        monkeypatch.setattr(deliveries, "put", put)
        telling.set()
        await go.wait()
        await put(*args)

    monkeypatch.setattr(deliveries, "put", slowly)
    one = asyncio.create_task(office.run(EIGHT))
    await telling.wait()
    await office.do(
        "UPDATE divergence_report SET classification = 'MINOR' WHERE org_id = $1 AND id = $2", first
    )
    late = await office.report(channel, EIGHT - HOUR)
    await office.run(EIGHT)
    go.set()
    await one
    assert await office.told(channel) == [[str(first)]]
    await office.run(EIGHT + WEEK)
    assert await office.told(channel) == [[str(first)], [str(late)]]


@pytest.mark.parametrize("looks", [True, False], ids=["seen_ended", "unseen"])
async def test_what_was_told_and_is_opened_again_is_in_the_next(
    changing_world: World, settings: Settings, *, looks: bool
):
    async with told.office_of(changing_world.database, settings) as team:
        channel = await team.channel()
        again, lasts = await team.open(2, classification="COSMETIC")
        assert await team.kinds(seconds=31) == []

        async def digests(now: datetime) -> list[set[str]]:
            await digest.tell(team.pool, settings, now)
            rows = await team.told()
            assert {row["kind"] for row in rows} <= {"digest"}
            return [set(told.data(row)["report_ids"]) for row in rows]

        assert await digests(datetime.now(UTC) + 8 * DAY) == [{str(again), str(lasts)}]
        await team.passes(days=8)
        await team.end(again)
        if looks:
            assert await team.kinds() == []
        await team.change("status = 'OPEN', resolution = NULL, resolved_at = NULL", again)
        assert await team.kinds(seconds=31) == []
        assert await digests(datetime.now(UTC) + 15 * DAY) == [{str(again)}]
        waiting = await team.do(
            "SELECT subject_id FROM alert_told WHERE org_id = $1 AND channel_id = $2 AND reminded_at IS NULL",
            channel,
        )
        assert waiting == []
