"""Where a report would go, and why, in words for people who look after routes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from detectors.divergence import Classification
from routing.calm import Held
from routing.routes import Choice, Route
from routing.severity import Severity
from routing.spans import spelt

_ENDED = ("RESOLVED", "SUPERSEDED")


class Outcome(StrEnum):
    """What becomes of a report's alert."""

    AT_ONCE = "at_once"
    DIGEST = "digest"
    HELD = "held"
    SNOOZED = "snoozed"
    ENDED = "ended"
    SILENT = "silent"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that a route names; `disabled` is why nothing is sent to it, None where it works."""

    id: UUID
    name: str
    kind: str
    role: Literal["notify", "escalate"]
    disabled: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a report stands; `state` is what data and people say together."""

    state: str
    classification: str
    severity: Severity
    shadow: bool = False
    historical: bool = False
    snoozed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one route does with a report: whom it tells, when, and why so."""

    route: Route
    matched: bool
    tells: Literal["at_once", "digest", "nobody"]
    why: tuple[str, ...]
    channels: tuple[Channel, ...]


@dataclass(frozen=True, slots=True)
class Explained:
    """Where a report would go. `held` is what makes it wait, `why` says what is true of it as a whole."""

    standing: Standing
    outcome: Outcome
    why: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    held: Held | None = None

    @property
    def somebody(self) -> bool:
        """Whether anybody would be told: now, later, or if it opened again."""
        return self.outcome not in (Outcome.SILENT, Outcome.NOBODY)


def explained(
    choices: Sequence[Choice],
    channels: Mapping[UUID, Sequence[Channel]],
    standing: Standing,
    held: Held | None,
    at: datetime,
) -> Explained:
    """Return what becomes of a report at `at`; `channels` are those of each route, by its id."""
    verdicts = tuple(
        _verdict(choice, tuple(channels.get(choice.route.id, ())), standing) for choice in choices
    )
    outcome = _outcome(verdicts, standing, held, at)
    return Explained(standing, outcome, tuple(_why(outcome, verdicts, standing, held)), verdicts, held)


def _verdict(choice: Choice, channels: tuple[Channel, ...], standing: Standing) -> Verdict:
    route = choice.route
    if not choice.matched:
        return Verdict(route, matched=False, tells="nobody", why=choice.why_not, channels=channels)
    told = [channel for channel in channels if channel.role == "notify" and channel.disabled is None]
    tells = _tells(route, standing) if told else "nobody"
    why = [*_taken(route), *_cosmetic(route, standing), *_reached(route, channels)]
    why.extend(_when(route, channels, tells))
    return Verdict(route, matched=True, tells=tells, why=tuple(why), channels=channels)


def _tells(route: Route, standing: Standing) -> Literal["at_once", "digest", "nobody"]:
    if standing.classification != Classification.COSMETIC:
        return "at_once"
    return "nobody" if route.cosmetic == "never" else route.cosmetic


def _taken(route: Route) -> Iterator[str]:
    if route.is_default:
        yield "no other route is about it"
    elif route.continues:
        yield "it is about this report, and lets later routes have it as well"
    else:
        yield "it is about this report, and ends the search"


def _cosmetic(route: Route, standing: Standing) -> Iterator[str]:
    if standing.classification == Classification.COSMETIC:
        yield {
            "digest": "COSMETIC: it waits for the weekly digest (`cosmetic` is digest)",
            "never": "COSMETIC: this route tells nobody of these (`cosmetic` is never)",
            "at_once": "COSMETIC, and this route tells of these at once (`cosmetic` is at_once)",
        }[route.cosmetic]


def _reached(route: Route, channels: Sequence[Channel]) -> Iterator[str]:
    if not any(channel.role == "notify" for channel in channels):
        what = "the default route" if route.is_default else "this route"
        yield (
            f"{what} has no channel to tell: give it one in `notify` with PATCH /v1/alert-routes/{route.id}"
            " (POST /v1/alert-channels makes one)"
        )
    for channel in channels:
        if channel.disabled is not None:
            yield (
                f"nothing is sent to {channel.name}: it is disabled ({channel.disabled}); see to that, then"
                f" POST /v1/alert-channels/{channel.id}/enable"
            )


def _when(route: Route, channels: Sequence[Channel], tells: str) -> Iterator[str]:
    if tells != "at_once":
        return
    if route.group_wait:
        yield f"told {spelt(route.group_wait)} after it was detected, if it still holds then"
    others = [channel.name for channel in channels if channel.role == "escalate" and channel.disabled is None]
    if route.escalate_after is not None and others:
        yield f"told to {', '.join(others)} if nobody acknowledges within {spelt(route.escalate_after)}"


def _outcome(verdicts: Sequence[Verdict], standing: Standing, held: Held | None, at: datetime) -> Outcome:
    tells = {verdict.tells for verdict in verdicts}
    if standing.shadow or standing.historical:
        return Outcome.SILENT
    if tells <= {"nobody"}:
        return Outcome.NOBODY
    if standing.state in _ENDED:
        return Outcome.ENDED
    if standing.snoozed_until is not None and standing.snoozed_until > at:
        return Outcome.SNOOZED
    if "at_once" not in tells:
        return Outcome.DIGEST
    return Outcome.AT_ONCE if held is None else Outcome.HELD


def _why(
    outcome: Outcome, verdicts: Sequence[Verdict], standing: Standing, held: Held | None
) -> Iterator[str]:
    if standing.shadow:
        yield "nobody is told of it: its assumption runs silently (`shadow`)"
    if standing.historical:
        yield "nobody is told of it: it was found in telemetry that came in as history (`historical`)"
    if outcome is Outcome.NOBODY:
        names = ", ".join(verdict.route.name for verdict in verdicts if verdict.matched)
        yield f"nobody would be told: it takes {names or 'no route'}, and that tells nobody"
    if standing.state in _ENDED:
        yield f"it is {standing.state}: if it opened again, it would go as its routes say"
    if outcome is Outcome.SNOOZED and standing.snoozed_until is not None:
        until = standing.snoozed_until.isoformat()
        yield f"snoozed until {until}: told when it wakes, or as soon as it becomes worse"
    if held is not None:
        yield f"held until {held.until.isoformat()} by {held.why}: told then, if it still holds"
    if standing.state == "ACKNOWLEDGED":
        yield "somebody has acknowledged it: no reminder, no escalation"
