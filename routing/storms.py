"""Storms: so much at once that each message would bury the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from routing.standing import REPORT, Channel, Lately, Look, Thread
from routing.tells import Tell, by_channel, once
from routing.wants import Want

STORMS = UUID("0d0a1c1e-8b57-4c0f-9d55-6a5c4b2f7b10")
"""Namespace of the ids of storms' threads: they follow from the channel, the moment and the first subject."""


@dataclass(frozen=True, slots=True)
class Storm:
    """What is told of together, in a thread of its own."""

    thread: Thread
    wants: Sequence[Want]


def storms(look: Look, ready: Sequence[Want], waiting: Iterable[Want]) -> tuple[list[Storm], list[Want]]:
    """Return the storms among what begins now, and what is none.

    What waits for nothing but time is told along with them. A channel's threads are counted, those of the
    last minute among them: so they are one storm, however few are seen at a look.
    """
    waiting_at, found = by_channel(each for each in waiting if _counts(each)), []
    rest: list[Want] = []
    for wanted in by_channel(ready).values():
        channel = wanted[0].channel
        begins = [want for want in wanted if _counts(want)]
        together = once([*begins, *waiting_at.get(channel.id, ())])
        if begins and _many(look, channel, together) >= _limit(begins):
            found.append(Storm(_thread(look, together), together))
            rest += [want for want in wanted if not _counts(want)]
        else:
            rest += wanted
    return found, rest


def collapsed(look: Look, tells: Sequence[Tell], wanted: Sequence[Want]) -> list[Tell]:
    """Return messages of one kind about threads that go on or end, so many of a channel as one.

    Not where the channel keeps each by itself; nor of a thread of which something has not arrived, which
    would come after.
    """
    found: list[Tell] = []
    for channel_id, mine in by_channel(wanted).items():
        here = [tell for tell in tells if tell.channel_id == channel_id]
        alike = [tell for tell in here if tell.kind in ("resolved", "reminder") and _arrived(look, tell)]
        if mine[0].channel.is_ledger or len(alike) < _limit(mine):
            found += here
            continue
        leads = tuple(tell.subjects[0] for tell in alike)
        found += [tell for tell in here if tell not in alike]
        found.append(Tell(channel_id, "storm", _again(look, channel_id, leads), leads, over=alike[0].over))
    return found


def crowded(alone: Sequence[Want]) -> frozenset[UUID]:
    """Return the channels that would be told of so many threads that it is a storm.

    None that keeps each by itself: there each has a severity, which is to become right.
    """
    return frozenset(
        channel_id
        for channel_id, mine in by_channel(alone).items()
        if not mine[0].channel.is_ledger and len({want.thread.id for want in mine}) >= _limit(mine)
    )


def worsened(look: Look, tells: Sequence[Tell]) -> list[Tell]:
    """Return what became worse as one message to a channel, but for what would come too early."""
    arrived = [tell for tell in tells if _arrived(look, tell)]
    if not arrived[1:]:
        return list(tells)
    channel_id, before = arrived[0].channel_id, arrived[0].before
    subjects = tuple(subject for tell in arrived for subject in tell.subjects)
    one = Tell(channel_id, "storm", _again(look, channel_id, subjects), subjects, before)
    return [*(tell for tell in tells if not _arrived(look, tell)), one]


def _counts(want: Want) -> bool:
    return want.fresh and want.subject.kind == REPORT and want.wish in ("detected", "escalated")


def _many(look: Look, channel: Channel, together: Iterable[Want]) -> int:
    return look.lately.get(channel.id, Lately()).begun + len({want.thread.id for want in together})


def _limit(wanted: Iterable[Want]) -> int:
    limits = [want.route.storm_at for want in wanted if want.route]
    return min(limits, default=20)


def _arrived(look: Look, tell: Tell) -> bool:
    return not look.threads[tell.key].waits if tell.key in look.threads else True


def _again(look: Look, channel_id: UUID, subjects: Sequence[UUID]) -> Thread:
    """Return a thread for one message about what goes on in threads of its own."""
    return Thread(uuid5(STORMS, f"{channel_id}/{look.at.isoformat()}/{subjects[0]}/again"), "storm")


def _thread(look: Look, together: Sequence[Want]) -> Thread:
    first = together[0]
    return Thread(uuid5(STORMS, f"{first.channel.id}/{look.at.isoformat()}/{first.subject.id}"), "storm")
