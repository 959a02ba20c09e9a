"""Channels, routes and what was told over them; when nobody is to be told."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from uuid import UUID, uuid4

from storage import channel_secrets, tables
from storage.tables import Base
from tests.databases import SECRET
from tests.world.places import CHANNEL_SECRET, HOUR, Place, World


def channels(world: World) -> Iterator[Base]:
    for org, admin in ((world.a, world.ann), (world.b, world.bob)):
        yield tables.AlertChannel(
            org_id=org,
            id=world.channels[org],
            name="on call",
            kind="webhook",
            settings={"url": "https://receiver.example/alerts"},
            sealed=channel_secrets.seal(SECRET, {"secrets": [CHANNEL_SECRET]}),
            created_by=admin,
        )
        yield tables.AlertLane(org_id=org, channel_id=world.channels[org])


def deliveries(world: World) -> Iterator[Base]:
    for place in world.places.values():
        yield tables.AlertDelivery(
            org_id=place.org,
            id=place.delivery,
            channel_id=world.channels[place.org],
            project_id=place.project,
            report_id=place.report,
            thread_id=place.report,
            sequence=1,
            kind="detected",
            body=b"{}",
            headers={},
            status="DEAD",
            attempts=12,
            last_error="given up after 12 attempts: status 503",
        )
        yield tables.AlertTold(
            org_id=place.org,
            channel_id=world.channels[place.org],
            subject_id=place.report,
            subject_kind="report",
            project_id=place.project,
            route_id=place.route,
            thread_id=place.report,
            thread_kind="subject",
            state="TOLD",
            classification="MINOR",
            first_told_at=HOUR,
            told_at=HOUR,
        )


def windows(world: World) -> Iterator[Base]:
    for org, admin in ((world.a, world.ann), (world.b, world.bob)):
        yield tables.AlertWindow(
            org_id=org,
            id=world.windows[org],
            name="Nights of nobody",
            kind="QUIET_HOURS",
            matchers={"cohort": ["nobody"]},
            timezone="Europe/Vienna",
            weekdays=[1, 2, 3, 4, 5, 6, 7],
            from_time=time(22),
            to_time=time(6),
            created_by=admin,
        )


def routes(place: Place, name: str, user: UUID) -> Iterator[Base]:
    """One that tells a channel of its own: that of all of the organisation may be removed."""
    org, channel = {"org_id": place.org}, uuid4()
    yield tables.AlertChannel(
        **org, id=channel, name=f"team {name}", kind="kafka", settings={}, created_by=user
    )
    yield tables.AlertRoute(
        **org,
        id=place.route,
        name=f"Reports of {name}",
        position=10,
        matchers={"project_id": [str(place.project)]},
        created_by=user,
    )
    yield tables.AlertRouteChannel(**org, route_id=place.route, channel_id=channel, role="notify")


def silence(place: Place, user: UUID) -> Base:
    """It stands, and no alert that a test raises is about what it holds."""
    now = datetime.now(UTC)
    return tables.AlertSilence(
        org_id=place.org,
        id=place.silence,
        matchers={"project_id": [str(place.project)], "cohort": ["nobody"]},
        starts_at=now,
        ends_at=now + timedelta(days=30),
        reason="nobody is known to be slow",
        created_by=user,
    )
