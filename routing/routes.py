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
    choices: list[Choice] = []
    before: list[Route] = []
    for route in _ordered(routes):
        if _takes(route, target, before):
            choices.append(Choice(route, matched=True))
            before.append(route)
        else:
            choices.append(Choice(route, matched=False, why_not=tuple(_why_not(route, target, before))))
    return choices


def taken(routes: Sequence[Route], target: Target) -> list[Route]:
    """Return the routes that `target` takes, in order."""
    found: list[Route] = []
    for route in _ordered(routes):
        if _takes(route, target, found):
            found.append(route)
    return found


def _ordered(routes: Sequence[Route]) -> list[Route]:
    return sorted(routes, key=lambda route: (route.is_default, route.position, route.id))


def _takes(route: Route, target: Target, before: Sequence[Route]) -> bool:
    """Return whether a target takes a route after those that it took before."""
    if route.is_default:
        return not before
    return (not before or before[-1].continues) and route.matchers.matches(target)


def _why_not(route: Route, target: Target, before: Sequence[Route]) -> list[str]:
    """Return why a target does not take a route, in words."""
    if route.is_default:
        return [f"route {before[0].name} is about it already"]
    if before and not before[-1].continues:
        return [f"route {before[-1].name} comes first, and does not continue"]
    return route.matchers.misses(target)
