"""Samples side by side: a list a field, so that the objects of a message are gone as soon as it is read.

Tens of thousands of them would not fit the processor's caches, and to look at each a second time would cost
more than to add it up.
"""

from array import array
from dataclasses import dataclass, field

from metrics.users import UserHashes
from streams.event_time import Moments
from streams.samples import is_user_id, series_fault
from streams.wire import Message, Sample

NONE = float("nan")
AT_ONCE = 256
"""Samples that are taken apart together: few messages have so many, and these are in the caches still."""
SeriesKey = tuple[str, str | None, str | None]
"""Metric, cohort, feature, as they were sent."""
NO_SERIES: SeriesKey = ("feature_usage", "\0", None)
"""In place of names that no series may have: they may be as long as a message."""


class Vocabulary(dict[SeriesKey, int]):
    """Numbers of series, given out as they are asked for; a dict, since nothing is faster to look up."""

    def __missing__(self, key: SeriesKey) -> int:
        """Number a new series; all that can be none have one number, and leave nothing behind."""
        if series_fault(key[0], key[1] or "", key[2] or ""):
            return self.setdefault(NO_SERIES, len(self))
        self[key] = number = len(self)
        return number


class UnfitError(Exception):
    """No user may be called so."""


class Users(UserHashes):
    """The hashes of users who may be called so."""

    def __missing__(self, user_id: str) -> int:
        """Hash a user id that was not seen before.

        Raises:
            UnfitError: it is none.
        """
        if not is_user_id(user_id):
            raise UnfitError
        return super().__missing__(user_id)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What was worked out for earlier samples: times, numbers of series, hashes of users."""

    moments: Moments
    vocabulary: Vocabulary
    users: Users


@dataclass(slots=True, eq=False)
class Columns:
    """The samples of a project in a chunk.

    `at` is in epoch seconds, `series` has numbers of the vocabulary, `ofs` NaN where there is none, `users`
    their hashes: NOBODY where none is named, and in `unfit` the rows whose user ids are none. `messages`
    counts whose samples they are.
    """

    memory: Memory
    at: "array[float]" = field(default_factory=lambda: array("d"))
    series: "array[int]" = field(default_factory=lambda: array("q"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    ofs: "array[float]" = field(default_factory=lambda: array("d"))
    users: "array[int]" = field(default_factory=lambda: array("Q"))
    units: list[str | None] = field(default_factory=list)
    unfit: set[int] = field(default_factory=set)
    messages: int = 0
    has_unreadable: bool = False
    _rows: int = 0
    _waiting: list[Sample] = field(default_factory=list)

    def put(self, message: Message) -> int:
        """Put samples behind the others, and return the row of the first; `settle` after the last message."""
        start, samples = self._rows, message.samples
        self._rows += len(samples)
        self.messages += 1
        if message.unreadable:
            self.has_unreadable = True
        self._waiting.extend(samples)
        if len(self._waiting) >= AT_ONCE:
            self.settle()
        return start

    def settle(self) -> None:
        """Take apart the samples that wait."""
        samples, self._waiting = self._waiting, []
        moment, number = self.memory.moments, self.memory.vocabulary
        self.at.fromlist([moment[s.timestamp] for s in samples])
        self.series.fromlist([number[s.metric_name, s.cohort, s.feature] for s in samples])
        self.values.fromlist([s.value for s in samples])
        self.ofs.fromlist([NONE if s.of is None else s.of for s in samples])
        self.units.extend([s.unit for s in samples])
        users = [s.user_id for s in samples]
        if users.count(None) == len(users):
            self.users.frombytes(bytes(self.users.itemsize * len(users)))
        else:
            self._name(users)

    def _name(self, users: list[str | None]) -> None:
        hashes = self.memory.users
        try:
            self.users.fromlist([hashes[user] for user in users])
        except UnfitError:
            start = len(self.users)
            unfit = {place for place, user in enumerate(users) if user is not None and not is_user_id(user)}
            self.unfit.update(start + place for place in unfit)
            self._name([None if place in unfit else user for place, user in enumerate(users)])
