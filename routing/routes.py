"""Which route an alert takes: the first one that is about it, and those after it that the route lets come."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from uuid import UUID

from routing.matchers import Matchers, Target


@dataclass(frozen=True, slots=True)
class Route:
    """A route of an organisation (storage.tables.AlertRoute): what it is about, and how it tells whom.

    `notify` and `escalate` are ids of channels. `repeat_every` and `escalate_after` of None: never.
    """

    id: UUID
    name: str
    position: int
    is_default: bool = False
    matchers: Matchers = field(default_factory=Matchers)
    continues: bool = False
    group_by: Literal["incident", "report"] = "incident"
    group_wait: timedelta = timedelta(seconds=30)
    repeat_every: timedelta | None = timedelta(days=1)
    cosmetic: Literal["digest", "at_once", "never"] = "digest"
    send_resolved: bool = True
    storm_at: int = 20
    escalate_after: timedelta | None = None
    notify: tuple[UUID, ...] = ()
    escalate: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of a target at one route; `why_not` is empty where it is taken."""

    route: Route
    matched: bool
    why_not: tuple[str, ...] = ()


def chosen(routes: Sequence[Route], target: Target) -> list[Choice]:
    """Return each route and whether `target` takes it, in the order of their positions, then ids.

    The first that matches ends it, unless it `continues`; the default one is taken where no other is.
    """
    ordered = sorted(routes, key=lambda route: (route.is_default, route.position, route.id))
    choices: list[Choice] = []
    taken: list[Route] = []
    for route in ordered:
        why_not = _why_not(route, target, taken)
        if not why_not:
            taken.append(route)
        choices.append(Choice(route, not why_not, tuple(why_not)))
    return choices


def taken(routes: Sequence[Route], target: Target) -> list[Route]:
    """Return the routes that `target` takes, in order."""
    return [choice.route for choice in chosen(routes, target) if choice.matched]


def _why_not(route: Route, target: Target, before: Sequence[Route]) -> list[str]:
    if route.is_default:
        return [f"route {before[0].name} is about it already"] if before else []
    if before and not before[-1].continues:
        return [f"route {before[-1].name} comes first, and does not continue"]
    return route.matchers.misses(target)
