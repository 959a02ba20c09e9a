"""What the system notices of projects by itself: silence, refusals, days that wait for detection (ADR 0033).

One organisation, one transaction; other workers skip those that somebody is at. Whatever is opened or ended
is put among what is to be told by a trigger, in the same transaction.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from detectors.exclusions import Exclusions
from detectors.silence import ONE_HOUR, REST, WINDOW, Habit, hours_between, learned, whole_hour
from routing.matchers import NoticeKind
from settings import Settings
from storage import notices, silence, turns, watching
from storage.database import AWAY
from storage.exclusions import taken_out
from storage.ledger import Connection
from storage.notices import About, Open
from storage.silence import Cohort, Heard
from storage.watching import Behind, Refused
from streams.app import GROUP

log = logging.getLogger(__name__)

FEWEST_REFUSED = 20
"""Samples refused in an hour, at least: below, a share says little."""
CALMED = 0.5
"""A notice of refusals ends below this part of the rate that opened it."""
PATIENCE = timedelta(hours=1)
"""How long a closed day may wait for detection."""
MOST_HABITS = 5000
"""Habits that are remembered at once, of 3 KiB each."""
AGAIN, ARCHIVED, FORGOTTEN = "published again", "archived", "forgotten"
FEWER, CAUGHT_UP = "fewer are refused", "caught up"

_Project = tuple[UUID, UUID]
_Found = dict[About, dict[str, Any]]
_Over = dict[UUID, str]


class Noticing:
    """Opens and ends notices; remembers habits, which change only when something is heard."""

    def __init__(self) -> None:
        self._habits: OrderedDict[tuple[UUID, UUID, str | None], tuple[datetime, Habit | None]] = (
            OrderedDict()
        )

    async def look(self, pool: asyncpg.Pool, settings: Settings, now: datetime) -> None:
        """Look at all organisations; one that fails is said and stops no other."""
        async with pool.acquire() as connection:
            organisations = await silence.organisations(connection)
        for org_id in organisations:
            try:
                async with pool.acquire() as connection, connection.transaction():
                    if await turns.taken(connection, f"notices of {org_id}"):
                        await self._notice(connection, settings, org_id, now)
            except AWAY:
                raise
            except asyncpg.PostgresError as error:
                log.warning("nothing can be noticed of organisation %s, later again: %r", org_id, error)

    async def _notice(self, connection: Connection, settings: Settings, org_id: UUID, now: datetime) -> None:
        known = {each.about: each for each in await notices.standing(connection, org_id)}
        found: _Found = {}
        over: _Over = {}
        await self._projects(connection, settings, org_id, known, found, over, now)
        await self._cohorts(connection, org_id, known, found, over)
        refused = await watching.refused(connection, org_id, now)
        _refusals(refused, settings.dead_letter_rate, known, found, over)
        _waiting(await watching.behind(connection, org_id, now - PATIENCE), known, found, over)
        if over:
            await notices.end(connection, org_id, over, now)
        for about in await notices.begin(connection, org_id, found, now) if found else ():
            log.warning("noticed: %s of project %s%s", about.kind, about.project_id, _named(about))

    async def _projects(
        self,
        connection: Connection,
        settings: Settings,
        org_id: UUID,
        known: Mapping[About, Open],
        found: _Found,
        over: _Over,
        now: datetime,
    ) -> None:
        publishing = {each.project_id: each for each in await silence.projects(connection, org_id, GROUP)}
        for about, notice in _of(known, NoticeKind.PROJECT_SILENT):
            heard = publishing.get(about.project_id)
            if heard is None:
                over[notice.id] = ARCHIVED
            elif heard.last > datetime.fromisoformat(notice.detail["last"]):
                over[notice.id] = AGAIN
        for heard in publishing.values():
            about = About(heard.project_id, NoticeKind.PROJECT_SILENT)
            until = min(now, heard.through) if heard.through else heard.last
            if about in known or not REST <= until - heard.last < silence.GONE:
                continue
            habit = await self._habit_of(connection, (org_id, heard.project_id), heard, settings.grace)
            hours = list(hours_between(whole_hour(heard.last) + ONE_HOUR, until))
            if await _broken(connection, (org_id, heard.project_id), "", habit, hours) and habit:
                found[about] = _silent(heard.last, habit, hours)

    async def _habit_of(
        self, connection: Connection, project: _Project, heard: Heard, grace: timedelta
    ) -> Habit | None:
        remembered = self._habits.get((*project, None))
        if remembered and remembered[0] == heard.last:
            return remembered[1]
        last = whole_hour(heard.last)
        hours = list(hours_between(last - WINDOW, last + ONE_HOUR))
        came = await silence.arrivals(connection, project, hours, ONE_HOUR + grace)
        habit = learned([*(hour for hour in came if hour <= last), last], heard.zone)
        return self._remember((*project, None), heard.last, habit)

    async def _cohorts(
        self, connection: Connection, org_id: UUID, known: Mapping[About, Open], found: _Found, over: _Over
    ) -> None:
        open_ = dict(_of(known, NoticeKind.COHORT_SILENT))
        items = await silence.cohorts(
            connection, org_id, REST, [(each.project_id, each.cohort) for each in open_]
        )
        there = {About(item.project_id, NoticeKind.COHORT_SILENT, item.cohort): item for item in items}
        for about, notice in open_.items():
            item = there.get(about)
            if item is None:
                over[notice.id] = FORGOTTEN
            elif item.last > datetime.fromisoformat(notice.detail["last"]):
                over[notice.id] = AGAIN
        silent = {each.project_id for each in (*known, *found) if each.kind is NoticeKind.PROJECT_SILENT}
        for about, item in there.items():
            if about not in known and about.project_id not in silent:
                detail = await self._cohort(connection, org_id, item)
                if detail:
                    found[about] = detail

    async def _cohort(self, connection: Connection, org_id: UUID, item: Cohort) -> dict[str, Any] | None:
        """Return what to say of a cohort's silence: counted are the hours in which its project is heard."""
        project = (org_id, item.project_id)
        key = (*project, item.cohort)
        remembered = self._habits.get(key)
        if remembered and remembered[0] == item.last:
            habit = remembered[1]
        else:
            hours = list(hours_between(item.last - WINDOW, item.last + ONE_HOUR))
            could = await silence.filled(connection, project, hours)
            came = await silence.filled_by(connection, org_id, item, hours)
            habit = self._remember(key, item.last, learned(came, item.zone, set(could)))
        if habit is None:
            return None
        since = list(hours_between(item.last + ONE_HOUR, item.newest + ONE_HOUR))
        missed = await silence.filled(connection, project, since)
        if await _broken(connection, project, item.cohort, habit, missed):
            return _silent(item.last, habit, missed)
        return None

    def _remember(
        self, key: tuple[UUID, UUID, str | None], last: datetime, habit: Habit | None
    ) -> Habit | None:
        self._habits[key] = (last, habit)
        self._habits.move_to_end(key)
        if len(self._habits) > MOST_HABITS:
            self._habits.popitem(last=False)
        return habit


async def _broken(
    connection: Connection, project: _Project, cohort: str, habit: Habit | None, hours: list[datetime]
) -> bool:
    """Tell whether a silence is none that is usual, nor one that the team took out of detection."""
    if habit is None or not habit.is_broken(hours):
        return False
    out = await taken_out(connection, project, hours[0], hours[-1] + ONE_HOUR)
    whole = [
        each
        for each in out.windows
        if each.metric_name is None and not each.feature and each.cohort in ("", cohort)
    ]
    excluded = Exclusions.joined(out.zone, whole, out.holidays)
    return habit.is_broken([hour for hour in hours if not excluded.covers(hour)])


def _refusals(
    refused: Iterable[Refused], rate: float, known: Mapping[About, Open], found: _Found, over: _Over
) -> None:
    calmed = dict(_of(known, NoticeKind.DEAD_LETTERS))
    for each in refused:
        about = About(each.project_id, NoticeKind.DEAD_LETTERS)
        if about in known:
            if each.share >= rate * CALMED:
                del calmed[about]
        elif each.count >= FEWEST_REFUSED and each.share >= rate:
            found[about] = {
                "refused": each.count,
                "accepted": each.accepted,
                "share": round(each.share, 4),
                "reasons": each.reasons,
            }
    over.update((notice.id, FEWER) for notice in calmed.values())


def _waiting(behind: Iterable[Behind], known: Mapping[About, Open], found: _Found, over: _Over) -> None:
    caught_up = dict(_of(known, NoticeKind.DETECTION_BEHIND))
    for each in behind:
        about = About(each.project_id, NoticeKind.DETECTION_BEHIND)
        if about in known:
            del caught_up[about]
            continue
        found[about] = {
            "closed_through": each.closed_through.isoformat(),
            "folded_through": each.folded_through.isoformat() if each.folded_through else None,
            "since": each.since.isoformat(),
            "assumptions": each.assumptions,
        }
    over.update((notice.id, CAUGHT_UP) for notice in caught_up.values())


def _silent(last: datetime, habit: Habit, hours: list[datetime]) -> dict[str, Any]:
    return {
        "last": last.isoformat(),
        "missed": round(habit.missed(hours), 1),
        "needed": round(habit.needed, 1),
    }


def _of(known: Mapping[About, Open], kind: NoticeKind) -> list[tuple[About, Open]]:
    return [(about, notice) for about, notice in known.items() if about.kind is kind]


def _named(about: About) -> str:
    return f", cohort {about.cohort!r}" if about.cohort else ""
