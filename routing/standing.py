"""How things stand when somebody looks at what is to be told: subjects, and what each channel was told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from detectors.divergence import Classification
from routing.matchers import Target
from routing.routes import Route
from routing.severity import Severity

REPORT: Final = "report"
NOTICE: Final = "notice"
TOLD: Final = "TOLD"
ENDED: Final = "ENDED"
DIGEST: Final = "DIGEST"
Pair = tuple[UUID, UUID]
"""A channel, and a subject or thread."""
GATHERS = timedelta(minutes=5)
"""For so long after a storm's message what is new waits, to be told together."""
LATELY = timedelta(minutes=1)
"""What was told so long ago counts towards a storm."""
_GRAVITY = {Classification.COSMETIC: 0, Classification.MINOR: 1, Classification.MAJOR: 2}


@dataclass(frozen=True, slots=True)
class Thread:
    """What messages are about: a subject alone, its incident, or a storm; a channel gets them in order."""

    id: UUID
    kind: Literal["subject", "incident", "storm"] = "subject"


@dataclass(frozen=True, slots=True)
class Subject:
    """A report or a notice as it stands. `since` is when it was opened, or opened again, for people to see.

    `is_silent` is one that nobody is told of. A notice has no `classification`.
    """

    kind: Literal["report", "notice"]
    id: UUID
    project_id: UUID
    target: Target
    severity: Severity
    classification: str | None
    is_open: bool
    since: datetime
    incident_id: UUID | None = None
    is_silent: bool = False
    acknowledged: bool = False
    snoozed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a channel was told of a subject (storage.tables.AlertTold).

    One in state DIGEST was told in a digest at `reminded_at`, None where it waits for one.
    """

    channel_id: UUID
    subject_id: UUID
    subject_kind: Literal["report", "notice"]
    project_id: UUID
    route_id: UUID
    thread: Thread
    state: Literal["TOLD", "ENDED", "DIGEST"]
    classification: str | None
    first_told_at: datetime
    told_at: datetime
    reminded_at: datetime | None = None
    refreshed_at: datetime | None = None
    escalated_at: datetime | None = None
    acknowledged_told: bool = False

    @property
    def last(self) -> datetime:
        """When people were last told of it."""
        return max(self.told_at, self.reminded_at or self.told_at)

    @property
    def refreshed(self) -> datetime:
        """When a program was last told of it."""
        return max(self.last, self.refreshed_at or self.last)


@dataclass(frozen=True, slots=True)
class Rest:
    """What a channel was told of those of a thread that are not looked at now.

    `told` of them have not ended for all it knows, `unacknowledged` of these it does not know to be
    acknowledged. `waits` says that a message of the thread has not arrived.
    """

    told: int = 0
    unacknowledged: int = 0
    last: datetime | None = None
    refreshed: datetime | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Lately:
    """What a channel was told in the last minute: so many threads begun, and when its last storm was."""

    begun: int = 0
    storm_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel that is there; nothing is told to one that is not `live`, and it may be again."""

    id: UUID
    kind: str
    live: bool = True

    @property
    def is_ledger(self) -> bool:
        """Whether it keeps what is open by itself, each thing under a key: so each must be ended there."""
        return self.kind in ("pagerduty", "alertmanager")


@dataclass(frozen=True, slots=True)
class Look:
    """All that a decision rests on. `hold` returns until when somebody wants to hear nothing of a subject.

    `told` is what was told of `subjects`, `threads` of others in the threads of these, `joined` the threads
    in which a channel was told of incidents. All of it is of one organisation.
    """

    at: datetime
    routes: Sequence[Route]
    channels: Mapping[UUID, Channel]
    subjects: Sequence[Subject]
    told: Mapping[Pair, Told] = field(default_factory=dict)
    threads: Mapping[Pair, Rest] = field(default_factory=dict)
    joined: Mapping[Pair, Thread] = field(default_factory=dict)
    lately: Mapping[UUID, Lately] = field(default_factory=dict)
    hold: Callable[[Subject], datetime | None] = lambda _: None

    def rest(self, channel: UUID, thread: Thread) -> Rest:
        """Return what was told of others of a thread."""
        return self.threads.get((channel, thread.id), Rest())


def gravity(classification: str | None) -> int:
    """Return how bad it is: the more, the worse."""
    return -1 if classification is None else _GRAVITY[Classification(classification)]
