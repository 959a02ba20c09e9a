"""Until when nobody is told of a subject: put off by somebody, silenced, or in quiet hours."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from routing.calm import Silence, Window, held
from routing.standing import Subject


def holding(
    silences: Sequence[Silence], windows: Sequence[Window], at: datetime
) -> Callable[[Subject], datetime | None]:
    """Return what says until when a subject is held at `at`, None where it is not; each is asked for once.

    What has ended is put off by nobody any more.
    """
    known: dict[UUID, datetime | None] = {}

    def hold(subject: Subject) -> datetime | None:
        if subject.id not in known:
            calm = held(subject.target, subject.severity, silences, windows, at)
            snooze = subject.snoozed_until if subject.is_open else None
            ends = [calm.until] if calm else []
            ends += [snooze] if snooze and snooze > at else []
            known[subject.id] = max(ends, default=None)
        return known[subject.id]

    return hold
