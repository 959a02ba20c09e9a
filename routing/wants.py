"""What each channel is to hear of one subject by itself, or when to look again: the rules, one by one."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from detectors.divergence import Classification
from routing.routes import Route, taken
from routing.standing import DIGEST, GATHERS, TOLD, Channel, Look, Pair, Rest, Subject, Thread, Told, gravity

REFRESHES = timedelta(minutes=5)
"""A program that forgets is told again so often."""

Wish = Literal[
    "detected",
    "escalated",
    "rejoined",
    "digest",
    "reclassified",
    "resolved",
    "reminder",
    "refresh",
    "acknowledged",
    "unacknowledged",
]
"""What is told next: `rejoined`, `digest` and `unacknowledged` are noted, and not told."""


@dataclass(frozen=True, slots=True)
class Want:
    """Something that a channel is to hear of a subject now, in a thread; `fresh` if that thread begins."""

    wish: Wish
    subject: Subject
    channel: Channel
    thread: Thread
    route: Route | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Later:
    """When a subject is to be looked at again; `waiting` is what would be told then, if only time passes."""

    subject: Subject
    at: datetime
    waiting: Want | None = None


@dataclass(slots=True)
class _Sum:
    """What a channel was told of those of a thread that are looked at, in sum."""

    told: int = 0
    unacknowledged: int = 0
    last: datetime | None = None
    refreshed: datetime | None = None

    def add(self, told: Told) -> None:
        self.told += told.state == TOLD
        self.unacknowledged += told.state == TOLD and not told.acknowledged_told
        self.last = max(told.last, self.last or told.last)
        self.refreshed = max(told.refreshed, self.refreshed or told.refreshed)


class View:
    """A look, with what was told by thread; what waits for a digest is in none yet."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self._sums: dict[Pair, _Sum] = defaultdict(_Sum)
        for told in look.told.values():
            if told.state != DIGEST:
                self._sums[told.channel_id, told.thread.id].add(told)

    def goes_on(self, channel: UUID, thread: Thread) -> bool:
        """Return whether the channel knows of something in the thread that has not ended."""
        return self._sums[channel, thread.id].told + self.look.rest(channel, thread).told > 0

    def all_acknowledged(self, channel: UUID, thread: Thread) -> bool:
        """Return whether the channel is to know all of the thread as acknowledged."""
        here = self._sums[channel, thread.id].unacknowledged
        return here + self.look.rest(channel, thread).unacknowledged == 0

    def last(self, told: Told) -> datetime:
        """Return when people were last told of a thread."""
        here, rest = self._thread(told)
        return max(here.last or told.last, rest.last or told.last)

    def refreshed(self, told: Told) -> datetime:
        """Return when a program was last told of a thread."""
        here, rest = self._thread(told)
        return max(here.refreshed or told.refreshed, rest.refreshed or told.refreshed)

    def _thread(self, told: Told) -> tuple[_Sum, Rest]:
        return self._sums[told.channel_id, told.thread.id], self.look.rest(told.channel_id, told.thread)


def wants(view: View, subject: Subject) -> Iterator[Want | Later]:
    """Yield what each channel is to hear of a subject, and when there may be more."""
    if subject.is_silent:
        return
    if not subject.is_open:
        yield from _ending(view, subject)
        return
    routes = taken(view.look.routes, subject.target)
    for channel in view.look.channels.values():
        told = view.look.told.get((channel.id, subject.id))
        route = next((route for route in routes if channel.id in route.notify), None)
        if not channel.live:
            continue
        if told and told.state == TOLD:
            yield from _lasting(view, subject, channel, route, told)
        elif route:
            yield from _opening(view, subject, channel, route, told)
    for route in routes:
        yield from _escalating(view, subject, route)


def _opening(
    view: View, subject: Subject, channel: Channel, route: Route, told: Told | None
) -> Iterator[Want | Later]:
    cosmetic = subject.classification == Classification.COSMETIC
    if cosmetic and route.cosmetic == "never":
        return
    if told and _rejoins(view, subject, told):
        yield Want("rejoined", subject, channel, told.thread, route)
        yield from _lasting(view, subject, channel, route, replace(told, state=TOLD))
        return
    digest = cosmetic and route.cosmetic == "digest"
    if digest and told and told.state == DIGEST and not _news(subject, told):
        return
    want = _begun(view, subject, channel, route, told)
    if digest:
        want = Want("digest", subject, channel, want.thread, route)
    yield from _when(view, want, subject.since + route.group_wait)


def _when(view: View, want: Want, ready: datetime) -> Iterator[Want | Later]:
    """Yield what is told first at `ready`: where nobody wants to be left alone, and no storm gathers."""
    look, subject = view.look, want.subject
    if look.at < ready:
        yield Later(subject, ready, want)
    elif hold := look.hold(subject):
        yield Later(subject, hold)
    elif want.fresh and (gathered := _gathered(view, want)) > look.at:
        yield Later(subject, gathered, want)
    else:
        yield want


def _gathered(view: View, want: Want) -> datetime:
    lately = view.look.lately.get(want.channel.id)
    if lately is None or lately.storm_at is None or want.subject.classification is None:
        return view.look.at
    return lately.storm_at + GATHERS


def _rejoins(view: View, subject: Subject, told: Told) -> bool:
    """Say whether the channel never heard that it had ended, since its thread went on."""
    as_told = gravity(subject.classification) <= gravity(told.classification)
    return told.state != DIGEST and as_told and view.goes_on(told.channel_id, told.thread)


def _news(subject: Subject, told: Told) -> bool:
    """Say whether what a digest told of was opened again since: the next one tells of it."""
    return told.reminded_at is not None and subject.since > told.reminded_at


def _begun(view: View, subject: Subject, channel: Channel, route: Route, told: Told | None) -> Want:
    """Return what is told of a subject that the channel knows nothing of, or knows to have ended."""
    if told and told.state != DIGEST and told.thread.kind != "storm":
        return Want("detected", subject, channel, told.thread, route)
    thread, fresh = own_thread(view, subject, channel, route)
    return Want("detected", subject, channel, thread, route, fresh)


def taken_over(view: View) -> Iterator[Want]:
    """Yield what somebody acknowledged, or took that back, and a channel that keeps it does not know."""
    for subject in view.look.subjects:
        for channel in view.look.channels.values():
            told = view.look.told.get((channel.id, subject.id))
            if told is None or told.state != TOLD or channel.kind != "pagerduty" or not channel.live:
                continue
            if subject.is_open and subject.acknowledged != told.acknowledged_told:
                wish: Wish = "acknowledged" if subject.acknowledged else "unacknowledged"
                yield Want(wish, subject, channel, told.thread)


def own_thread(view: View, subject: Subject, channel: Channel, route: Route) -> tuple[Thread, bool]:
    """Return the thread of a subject outside of storms, and whether it begins."""
    if route.group_by != "incident" or subject.incident_id is None:
        return Thread(subject.id), True
    joined = view.look.joined.get((channel.id, subject.incident_id))
    return joined or Thread(subject.incident_id, "incident"), joined is None


def _lasting(
    view: View, subject: Subject, channel: Channel, route: Route | None, told: Told
) -> Iterator[Want | Later]:
    look = view.look
    if gravity(subject.classification) > gravity(told.classification):
        if hold := look.hold(subject):
            yield Later(subject, hold)
        else:
            yield Want("reclassified", subject, channel, told.thread, route)
    if channel.kind == "alertmanager":
        again = view.refreshed(told) + REFRESHES
        refresh = Want("refresh", subject, channel, told.thread, route)
        yield refresh if look.at >= again else Later(subject, again)
    elif route and not subject.acknowledged:
        yield from _reminding(view, subject, channel, route, told)


def _reminding(
    view: View, subject: Subject, channel: Channel, route: Route, told: Told
) -> Iterator[Want | Later]:
    """Yield a reminder so long after the last time, or where what was put off is over."""
    last, woken = view.last(told), subject.snoozed_until
    due = [last + route.repeat_every] if route.repeat_every else []
    due += [woken] if woken and woken > last else []
    if not due:
        return
    if view.look.at < min(due):
        yield Later(subject, min(due))
    elif hold := view.look.hold(subject):
        yield Later(subject, hold)
    else:
        yield Want("reminder", subject, channel, told.thread, route)


def _escalating(view: View, subject: Subject, route: Route) -> Iterator[Want | Later]:
    """Yield what others are told where nobody has acknowledged it in time, once a course."""
    base = _heard(view, subject, route) if route.escalate_after and not subject.acknowledged else None
    if base is None or route.escalate_after is None:
        return
    for channel_id in route.escalate:
        channel, told = view.look.channels.get(channel_id), view.look.told.get((channel_id, subject.id))
        if channel is None or not channel.live or (told and _escalated(told, base)):
            continue
        want = _begun(view, subject, channel, route, told)
        if told and told.state == TOLD:
            want = Want("escalated", subject, channel, told.thread, route)
        want = Want("escalated", subject, channel, want.thread, route, want.fresh)
        due = base + route.escalate_after
        for found in _when(view, want, due):
            # What waits for its time here is not about to be told: it is no part of a storm.
            early = isinstance(found, Later) and view.look.at < due
            yield Later(subject, due) if early else found


def _escalated(told: Told, base: datetime) -> bool:
    return told.state == TOLD and told.escalated_at is not None and told.escalated_at >= base


def _heard(view: View, subject: Subject, route: Route) -> datetime | None:
    """Return when the first who should see to it could know; None where nobody could yet."""
    told = [view.look.told.get((channel, subject.id)) for channel in route.notify]
    known = [
        each.first_told_at for each in told if each and (each.state == TOLD or _rejoins(view, subject, each))
    ]
    if known:
        return min(known)
    there = [view.look.channels[channel] for channel in route.notify if channel in view.look.channels]
    listens = any(channel.live for channel in there)
    waits = subject.classification == Classification.COSMETIC and route.cosmetic != "at_once"
    return None if listens or waits else subject.since + route.group_wait


def _ending(view: View, subject: Subject) -> Iterator[Want | Later]:
    for channel in view.look.channels.values():
        told = view.look.told.get((channel.id, subject.id))
        if told is None or told.state != TOLD or not channel.live:
            continue
        if hold := view.look.hold(subject):
            yield Later(subject, hold)
            continue
        routes = taken(view.look.routes, subject.target)
        named = next((route for route in routes if channel.id in route.notify), None)
        route = named or next((route for route in view.look.routes if route.id == told.route_id), None)
        yield Want("resolved", subject, channel, told.thread, route)
