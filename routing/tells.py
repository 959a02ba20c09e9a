"""What is told in one message: of one thread, to one channel."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from routing.standing import NOTICE, Pair, Subject, Thread, gravity
from routing.wants import Want, Wish

TellKind = Literal[
    "detected",
    "reclassified",
    "resolved",
    "reminder",
    "escalated",
    "acknowledged",
    "storm",
    "notice",
    "refresh",
]
_KINDS: Mapping[Wish, TellKind] = {
    "detected": "detected",
    "escalated": "escalated",
    "reclassified": "reclassified",
    "resolved": "resolved",
    "reminder": "reminder",
    "refresh": "refresh",
    "acknowledged": "acknowledged",
}


@dataclass(frozen=True, slots=True)
class Tell:
    """One message; `subjects` are those of it that this look is about, what is worst first.

    `before` is the classification that was told last, of the first of what became worse. `over` says that
    all that the thread is about has ended. A thread that is a storm is told of as many reports, whatever the
    kind; of one that became worse `subjects` are all that it is about.
    """

    channel_id: UUID
    kind: TellKind
    thread: Thread
    subjects: tuple[UUID, ...]
    before: str | None = None
    over: bool = False

    @property
    def key(self) -> Pair:
        """The thread at its channel."""
        return self.channel_id, self.thread.id


def tell(wanted: Sequence[Want], thread: Thread, *, over: bool = False) -> Tell:
    """Return the message that says what is wanted of a thread, all of it being of one channel."""
    ranked = sorted(wanted, key=_rank)
    subjects = tuple(want.subject.id for want in ranked)
    return Tell(ranked[0].channel.id, _kind(ranked[0], thread), thread, subjects, over=over)


def by_thread(wanted: Iterable[Want]) -> list[list[Want]]:
    """Return what is wanted by channel and thread, in the order in which each comes first."""
    found: dict[Pair, list[Want]] = {}
    for want in wanted:
        found.setdefault((want.channel.id, want.thread.id), []).append(want)
    return list(found.values())


def by_channel(wanted: Iterable[Want]) -> dict[UUID, list[Want]]:
    """Return what is wanted by channel."""
    found: dict[UUID, list[Want]] = {}
    for want in wanted:
        found.setdefault(want.channel.id, []).append(want)
    return found


def once(wanted: Iterable[Want]) -> list[Want]:
    """Return the first that is wanted of each subject at each channel."""
    found: dict[Pair, Want] = {}
    for want in wanted:
        found.setdefault((want.channel.id, want.subject.id), want)
    return list(found.values())


def along(wanted: Sequence[Want], waiting: Iterable[Want]) -> list[Want]:
    """Return what is told already, though it could wait, since its thread is told of now."""
    threads = {(want.channel.id, want.thread.id) for want in wanted}
    known = {(want.channel.id, want.subject.id) for want in wanted}
    return [
        want
        for want in once(waiting)
        if want.wish == "detected"
        and (want.channel.id, want.thread.id) in threads
        and (want.channel.id, want.subject.id) not in known
    ]


def _rank(want: Want) -> tuple[int, object, UUID]:
    subject: Subject = want.subject
    return -gravity(subject.classification), subject.since, subject.id


def _kind(want: Want, thread: Thread) -> TellKind:
    """Return what is told.

    Raises:
        KeyError: it is noted, and not told.
    """
    if want.wish in ("refresh", "acknowledged"):
        return _KINDS[want.wish]
    if want.subject.kind == NOTICE:
        return "notice"
    return "storm" if thread.kind == "storm" else _KINDS[want.wish]
