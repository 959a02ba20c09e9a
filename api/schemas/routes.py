from datetime import datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from api.parameters import OneOf, Span
from api.schemas.base import LEFT_OUT, Asked, Change, Sent, Versioned
from api.schemas.channels import ChannelKind, ChannelName
from detectors.divergence import Classification
from routing.calm import Held
from routing.explaining import Explained, Outcome, Verdict
from routing.matchers import Matchers
from routing.severity import Severity
from storage.tables.findings import REPORT_STATES
from storage.tables.routes import CHANNEL_ROLES, COSMETICS, GROUPINGS, LAST

MOST_CHANNELS = 20

RouteName = Annotated[ChannelName, Field(examples=["checkout"])]
Position = Annotated[
    int,
    Field(strict=True, ge=0, lt=LAST, description="routes are asked from the smallest on", examples=[10]),
]
Grouping = Annotated[
    str,
    OneOf(GROUPINGS),
    Field(description="what is one message: the reports of an incident, or each report"),
]
Wait = Annotated[
    Span,
    Field(
        ge=timedelta(),
        le=timedelta(hours=1),
        description="how long a report must hold first",
        examples=["30s"],
    ),
]
Repeat = Annotated[
    Span,
    Field(
        ge=timedelta(hours=1),
        le=timedelta(days=365),
        description="between reminders while open and unacknowledged",
    ),
]
Cosmetic = Annotated[
    str,
    OneOf(COSMETICS),
    Field(description="when COSMETIC reports are told: in the weekly digest, at once, never"),
]
StormAt = Annotated[
    int,
    Field(
        strict=True,
        ge=2,
        le=100_000,
        description="so many new reports at once are one message",
        examples=[20],
    ),
]
Escalation = Annotated[
    Span,
    Field(
        ge=timedelta(minutes=1),
        le=timedelta(days=30),
        description="when nobody has acknowledged for so long, `escalate` is told",
        examples=["30m"],
    ),
]
Channels = Annotated[list[UUID], Field(max_length=MOST_CHANNELS)]
_NOTIFY = "channels that are told"
_ESCALATE = "channels that are told when nobody acknowledges"
_MATCHERS = "which reports it is about; left out, or empty: all (docs/routing.md)"
_CONTINUES = "whether later routes are asked as well when this one matches"
_RESOLVED = "whether it tells that a report is resolved"


class AlertRoute(Versioned):
    """Which alerts go to which channels, and how."""

    id: UUID
    org_id: UUID
    name: str = Field(examples=["checkout"])
    position: int = Field(description="routes are asked from the smallest on", examples=[10])
    is_default: bool = Field(description="the one for all that no other is about")
    matchers: Matchers = Field(description=_MATCHERS)
    continues: bool = Field(description=_CONTINUES)
    group_by: Grouping
    group_wait: Span = Field(examples=["30s"])
    repeat_every: Span | None = Field(description="null: no reminders", examples=["1d"])
    cosmetic: Cosmetic
    send_resolved: bool = Field(description=_RESOLVED)
    storm_at: int = Field(examples=[20])
    escalate_after: Span | None = Field(description="null: never", examples=["30m"])
    notify: list[UUID] = Field(description=_NOTIFY)
    escalate: list[UUID] = Field(description=_ESCALATE)
    created_by: UUID | None = Field(description="null: it came with the organisation")
    created_at: datetime
    updated_at: datetime
    version: int


class NewAlertRoute(Asked):
    """A route to be."""

    name: RouteName
    position: Position | None = Field(None, description="null: behind the others")
    matchers: Matchers = Field(default_factory=Matchers, description=_MATCHERS)
    continues: bool = Field(False, description=_CONTINUES)
    group_by: Grouping = "incident"
    group_wait: Wait = timedelta(seconds=30)
    repeat_every: Repeat | None = Field(
        timedelta(days=1),
        description="null: no reminders",
        json_schema_extra={"default": "1d", "examples": ["1d"]},
    )
    cosmetic: Cosmetic = "digest"
    send_resolved: bool = Field(True, description=_RESOLVED)
    storm_at: StormAt = 20
    escalate_after: Escalation | None = Field(None, description="null: never")
    notify: Channels = Field([], description=_NOTIFY)
    escalate: Channels = Field([], description=_ESCALATE)


class AlertRouteChange(Change):
    """What changes of a route. The default one keeps its place, and takes no matchers."""

    name: RouteName = LEFT_OUT
    position: Position = LEFT_OUT
    matchers: Matchers = LEFT_OUT
    continues: bool = LEFT_OUT
    group_by: Grouping = LEFT_OUT
    group_wait: Wait = LEFT_OUT
    repeat_every: Repeat | None = LEFT_OUT
    cosmetic: Cosmetic = LEFT_OUT
    send_resolved: bool = LEFT_OUT
    storm_at: StormAt = LEFT_OUT
    escalate_after: Escalation | None = LEFT_OUT
    notify: Channels = LEFT_OUT
    escalate: Channels = LEFT_OUT


class RoutedChannel(Sent):
    """A channel that a route names."""

    id: UUID
    name: str = Field(examples=["checkout, on call"])
    kind: ChannelKind
    role: Annotated[str, OneOf(CHANNEL_ROLES)]
    disabled_reason: str | None = Field(description="why nothing is sent to it; null: it is used")


class RouteVerdict(Sent):
    """What one route does with the report."""

    route_id: UUID
    name: str = Field(examples=["checkout"])
    position: int
    is_default: bool
    matched: bool
    tells: Annotated[str, OneOf(("at_once", "digest", "nobody"))]
    why: list[str] = Field(
        description="in words: what it does, or why it is passed by",
        examples=[["metric: latency_p50, not retention"]],
    )
    channels: list[RoutedChannel]

    @classmethod
    def of(cls, verdict: Verdict) -> Self:
        """Return the verdict as it is sent."""
        channels = [
            RoutedChannel(
                id=channel.id,
                name=channel.name,
                kind=channel.kind,
                role=channel.role,
                disabled_reason=channel.disabled,
            )
            for channel in verdict.channels
        ]
        route = verdict.route
        return cls(
            route_id=route.id,
            name=route.name,
            position=route.position,
            is_default=route.is_default,
            matched=verdict.matched,
            tells=verdict.tells,
            why=list(verdict.why),
            channels=channels,
        )


class RoutingHeld(Sent):
    """What makes an alert wait, and until when: the end of all that follows without a gap."""

    until: datetime
    why: str = Field(examples=["quiet hours 'nights'"])
    by: UUID = Field(description="the silence, or the window")

    @classmethod
    def of(cls, held: Held) -> Self:
        """Return the same as it is sent."""
        return cls(until=held.until, why=held.why, by=held.by)


class ReportRouting(Sent):
    """Where an alert about a report would go now, and why."""

    report_id: UUID
    at: datetime
    somebody: bool = Field(description="whether anybody would be told: now, later, or if it opened again")
    outcome: Outcome = Field(
        description="at_once; digest: with the week's cosmetic ones; held, snoozed: later; ended: only if it"
        " opens again; silent: never; nobody: no channel would be told"
    )
    why: list[str] = Field(description="what is true of it whatever route it takes, in words")
    state: Annotated[str, OneOf(REPORT_STATES)]
    classification: Classification
    severity: Severity
    snoozed_until: datetime | None
    held: RoutingHeld | None = Field(description="null: nothing holds it")
    routes: list[RouteVerdict] = Field(description="in the order in which they are asked")

    @classmethod
    def of(cls, report_id: UUID, at: datetime, found: Explained) -> Self:
        """Return what was found, as it is sent."""
        standing = found.standing
        return cls(
            report_id=report_id,
            at=at,
            somebody=found.somebody,
            outcome=found.outcome,
            why=list(found.why),
            state=standing.state,
            classification=Classification(standing.classification),
            severity=standing.severity,
            snoozed_until=standing.snoozed_until,
            held=RoutingHeld.of(found.held) if found.held else None,
            routes=[RouteVerdict.of(verdict) for verdict in found.verdicts],
        )
