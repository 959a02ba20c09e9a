"""What is told now, where, and when to look again (ADR 0030). Pure: the same look gives the same decision.

Looking again at the same moment tells nothing: whatever is told is noted in `told`, by which the next look
goes. What each channel is to hear of each subject is `wants`' to say; here it becomes messages, one a thread.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from routing.standing import DIGEST, ENDED, TOLD, Lately, Look, Pair, Subject, Thread, Told
from routing.storms import collapsed, crowded, storms, worsened
from routing.tells import Tell, along, by_channel, by_thread, once, tell
from routing.wants import Later, View, Want, Wish, own_thread, taken_over, wants


@dataclass(frozen=True, slots=True)
class Decision:
    """What is told, and what is noted.

    `tells` are in the order in which a channel gets them. `told` are the rows that changed. `reminded` and
    `refreshed` are threads of which all rows are. `again` says when each subject is looked at next: None
    where only news would change anything. `forgotten` are those of which nothing more is told, `waiting`
    those that some channel is about to be told first: what a storm may take along.
    """

    tells: Sequence[Tell] = ()
    told: Sequence[Told] = ()
    reminded: frozenset[Pair] = frozenset()
    refreshed: frozenset[Pair] = frozenset()
    again: dict[UUID, datetime | None] = field(default_factory=dict)
    forgotten: frozenset[UUID] = frozenset()
    waiting: frozenset[UUID] = frozenset()


def decide(look: Look) -> Decision:
    """Return what is told at `look.at`, and when to look again."""
    deciding = _Deciding(look)
    deciding.tell()
    lasting = [subject for subject in look.subjects if not deciding.is_done(subject)]
    later = _later(deciding.after(), lasting)
    return Decision(
        deciding.tells,
        [told for pair, told in deciding.told.items() if look.told.get(pair) != told],
        frozenset(deciding.reminded),
        frozenset(deciding.refreshed),
        {subject: min((each.at for each in found), default=None) for subject, found in later.items()},
        frozenset(subject.id for subject in look.subjects if subject.id not in later),
        frozenset(subject for subject, found in later.items() if any(each.waiting for each in found)),
    )


def _later(view: View, subjects: Sequence[Subject]) -> dict[UUID, list[Later]]:
    return {
        subject.id: [each for each in wants(view, subject) if isinstance(each, Later)] for subject in subjects
    }


class _Deciding:
    """The state of one decision: what was told, as it is being told."""

    def __init__(self, look: Look) -> None:
        self.look, self.told = look, dict(look.told)
        self._view = View(look)
        self.lately = dict(look.lately)
        self.tells: list[Tell] = []
        self.worsened: set[Pair] = set()
        self.reminded: set[Pair] = set()
        self.refreshed: set[Pair] = set()

    def after(self) -> View:
        """Return how things stand when all of it is told."""
        return View(replace(self.look, told=self.told, lately=self.lately))

    def is_done(self, subject: Subject) -> bool:
        """Return whether nothing is told of it any more, whatever time brings, but for news."""
        known = [self.told.get((channel, subject.id)) for channel in self.look.channels]
        lasts = subject.is_open or any(told and told.state == TOLD for told in known)
        return subject.is_silent or not lasts

    def tell(self) -> None:
        """Tell what is to be told: what begins, what is worse, what has ended, what is taken, what lasts."""
        found = [each for subject in self.look.subjects for each in wants(self._view, subject)]
        by_wish: dict[Wish, list[Want]] = defaultdict(list)
        for each in found:
            if isinstance(each, Want):
                by_wish[each.wish].append(each)
        waiting = [each.waiting for each in found if isinstance(each, Later) and each.waiting]
        self._note(by_wish)
        self._begin(once([*by_wish["escalated"], *by_wish["detected"]]), waiting)
        self._worsen(by_wish["reclassified"])
        self._end(by_wish["resolved"])
        self._acknowledge(list(taken_over(self.after())))
        self._remind(by_wish["reminder"])
        self._refresh(by_wish["refresh"])

    def _note(self, by_wish: dict[Wish, list[Want]]) -> None:
        """Note what is not told."""
        for want in by_wish["rejoined"]:
            self._put(replace(self._known(want), state=TOLD))
        for want in by_wish["digest"]:
            self._put(replace(self._new(want, want.thread), state=DIGEST))

    def _begin(self, ready: Sequence[Want], waiting: Sequence[Want]) -> None:
        together, alone = storms(self.look, ready, waiting)
        for storm in together:
            for want in storm.wants:
                self._put(self._new(want, storm.thread))
            self.tells.append(tell(storm.wants, storm.thread))
            channel = storm.wants[0].channel.id
            self.lately[channel] = replace(self.lately.get(channel, Lately()), storm_at=self.look.at)
        alone += along(alone, waiting)
        for want in alone:
            self._put(self._new(want, want.thread))
        self.tells += [tell(wanted, wanted[0].thread) for wanted in by_thread(alone)]

    def _worsen(self, found: Sequence[Want]) -> None:
        alone = [replace(want, thread=self._alone(want)) for want in found]
        many = crowded(alone)
        here = [old if old.channel.id in many else own for old, own in zip(found, alone, strict=True)]
        for want in here:
            self._put(self._worse(want))
        self._end_left(found)
        for channel_id, wanted in by_channel(here).items():
            tells = [self._was(tell(mine, mine[0].thread)) for mine in by_thread(wanted)]
            self.tells += worsened(self.look, tells) if channel_id in many else tells
            self.worsened |= {each.key for each in tells}

    def _worse(self, want: Want) -> Told:
        worse = want.subject.classification
        return replace(self._known(want), classification=worse, told_at=self.look.at, thread=want.thread)

    def _was(self, tell: Tell) -> Tell:
        return replace(tell, before=self.look.told[tell.channel_id, tell.subjects[0]].classification)

    def _end_left(self, found: Sequence[Want]) -> None:
        """Tell that storms are over of which the last that lasted goes on by itself."""
        view = self.after()
        for wanted in by_thread(want for want in found if want.thread.kind == "storm"):
            if not view.goes_on(wanted[0].channel.id, wanted[0].thread):
                self.tells.append(tell(wanted, wanted[0].thread, over=True))

    def _alone(self, want: Want) -> Thread:
        """Return the thread of what stands out: if it was told in a storm it goes on by itself."""
        if want.thread.kind != "storm":
            return want.thread
        if want.route is None:
            return Thread(want.subject.id)
        return own_thread(self._view, want.subject, want.channel, want.route)[0]

    def _end(self, found: Sequence[Want]) -> None:
        for want in found:
            self._put(replace(self._known(want), state=ENDED))
        view, ended = self.after(), []
        for wanted in by_thread(found):
            want = wanted[0]
            sends = any(each.route is None or each.route.send_resolved for each in wanted)
            if sends and not view.goes_on(want.channel.id, want.thread):
                ended.append(tell(wanted, want.thread, over=True))
        self.tells += collapsed(self.look, ended, found)

    def _acknowledge(self, found: Sequence[Want]) -> None:
        for want in found:
            self._put(replace(self._known(want), acknowledged_told=want.subject.acknowledged))
        view = self.after()
        for wanted in by_thread(want for want in found if want.wish == "acknowledged"):
            if view.all_acknowledged(wanted[0].channel.id, wanted[0].thread):
                self.tells.append(tell(wanted, wanted[0].thread))

    def _remind(self, found: Sequence[Want]) -> None:
        told = {each.key for each in self.tells if each.kind != "acknowledged"} | self.worsened
        lasting = [tell(wanted, wanted[0].thread) for wanted in by_thread(found)]
        lasting = [each for each in lasting if each.key not in told]
        self.tells += collapsed(self.look, lasting, found)
        self.reminded |= {each.key for each in lasting}
        for known in self._in(self.reminded):
            self._put(replace(known, reminded_at=self.look.at))

    def _refresh(self, found: Sequence[Want]) -> None:
        told = {each.key for each in self.tells}
        again = [tell(wanted, wanted[0].thread) for wanted in by_thread(found)]
        again = [each for each in again if each.key not in told]
        self.tells += again
        self.refreshed |= {each.key for each in again}
        for known in self._in(self.refreshed):
            self._put(replace(known, refreshed_at=self.look.at))

    def _in(self, threads: set[Pair]) -> list[Told]:
        known = [told for told in self.told.values() if told.state != DIGEST]
        return [told for told in known if (told.channel_id, told.thread.id) in threads]

    def _known(self, want: Want) -> Told:
        return self.told[want.channel.id, want.subject.id]

    def _new(self, want: Want, thread: Thread) -> Told:
        subject, at = want.subject, self.look.at
        known = self.told.get((want.channel.id, subject.id))
        escalated = at if want.wish == "escalated" else None
        if known and known.state == TOLD:
            return replace(known, told_at=at, escalated_at=escalated)
        route = want.route.id if want.route else UUID(int=0)
        return Told(
            *(want.channel.id, subject.id, subject.kind, subject.project_id, route, thread, TOLD),
            *(subject.classification, at, at),
            escalated_at=escalated,
        )

    def _put(self, told: Told) -> None:
        self.told[told.channel_id, told.subject_id] = told
