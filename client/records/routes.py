"""Which alert goes to which channel; times are text in RFC 3339, UTC, lengths of time as in 30s or 4h."""

from typing import TypedDict


class Matchers(TypedDict):
    """Values of which a report must have one; an empty list says: whichever it is."""

    project_id: list[str]
    divergence_type: list[str]
    classification: list[str]
    metric_name: list[str]
    cohort: list[str]
    feature: list[str]
    tag: list[str]
    notice: list[str]


class AlertRoute(TypedDict):
    """What a route is about, how it tells, and ids of the channels that it tells."""

    id: str
    org_id: str
    name: str
    position: int
    is_default: bool
    matchers: Matchers
    continues: bool
    group_by: str
    group_wait: str
    repeat_every: str | None
    cosmetic: str
    send_resolved: bool
    storm_at: int
    escalate_after: str | None
    notify: list[str]
    escalate: list[str]
    created_by: str | None
    created_at: str
    updated_at: str
    version: int


class RoutedChannel(TypedDict):
    """A channel that a route names; `role` is notify or escalate."""

    id: str
    name: str
    kind: str
    role: str
    disabled_reason: str | None


class RouteVerdict(TypedDict):
    """What one route does with a report; `tells` is at_once, digest or nobody, `why` is in words."""

    route_id: str
    name: str
    position: int
    is_default: bool
    matched: bool
    tells: str
    why: list[str]
    channels: list[RoutedChannel]


class RoutingHeld(TypedDict):
    """What makes an alert wait, and until when."""

    until: str
    why: str
    by: str


class ReportRouting(TypedDict):
    """Where an alert about a report would go; `somebody`: whether anybody would be told."""

    report_id: str
    at: str
    somebody: bool
    outcome: str
    why: list[str]
    state: str
    classification: str
    severity: str
    snoozed_until: str | None
    held: RoutingHeld | None
    routes: list[RouteVerdict]
