"""When something is tried again: waits that grow, a channel's circuit, its rate (docs/delivery.md).

Pure: times and chance (a number from 0 to below 1) are passed in.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Self

Failure = Literal["retry", "refused"]

LONGEST = timedelta(hours=1)
FIRST: dict[Failure, timedelta] = {"retry": timedelta(seconds=2), "refused": timedelta(minutes=1)}
"""The longest first wait; each further one is up to twice as long."""
REFUSED_PART = 12
"""What is refused is given up after this part of the time: as it is, it will hardly ever be taken."""
TRIES = 5
"""Failures in a row that open a circuit."""
OPEN_FIRST = timedelta(seconds=15)
_DOUBLINGS = 20
"""More are beyond the longest wait, and in the end beyond what a timedelta holds."""
BURST_SECONDS = 10
"""A channel that was silent may get at once what its rate allows in this time."""


def wait(failure: Failure, attempts: int, chance: float) -> timedelta:
    """Return how long to wait after `attempts` (1 and more) that failed: full jitter, an hour at most.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return _doubled(FIRST[failure], attempts - 1) * chance


def asked(retry_after: timedelta | None) -> timedelta:
    """Return how long a receiver asked to be left alone, an hour at most."""
    return min(max(retry_after or timedelta(0), timedelta(0)), LONGEST)


def patience(failure: Failure, give_up: timedelta) -> timedelta:
    """Return for how long something that fails in this way is tried."""
    return give_up if failure == "retry" else give_up / REFUSED_PART


@dataclass(frozen=True, slots=True)
class Circuit:
    """Whether a receiver that fails is tried: after `TRIES` failures in a row it is left alone for a while.

    Then one delivery is tried: where it is accepted, all others follow, else it is left alone for longer.
    """

    failures: int

    @property
    def tries_one(self) -> bool:
        """Whether one delivery alone may be tried, to see."""
        return self.failures >= TRIES

    def after(self, accepted: int, failed: int) -> Self:
        """Return the circuit after deliveries that went out together; one that was accepted closes it."""
        if accepted or not failed:
            return self if not accepted else replace(self, failures=0)
        # What went out together is one look at the receiver: it opens the circuit, and no more than that.
        return replace(self, failures=min(self.failures + failed, max(self.failures + 1, TRIES)))

    def open_for(self, chance: float) -> timedelta | None:
        """Return how long nothing is tried: from half of what doubles to all of it; None: it is closed."""
        if not self.tries_one:
            return None
        return _doubled(OPEN_FIRST, self.failures - TRIES) * (0.5 + chance / 2)


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a channel's rate lets through: `tokens` were left at `at` (None: it is full)."""

    per_minute: int
    tokens: float
    at: datetime | None

    @property
    def most(self) -> float:
        """How many may go out at once."""
        return max(1.0, self.per_minute * BURST_SECONDS / 60)

    def filled(self, now: datetime) -> Self:
        """Return it as it is now."""
        if self.at is None:
            return replace(self, tokens=self.most, at=now)
        more = max((now - self.at).total_seconds(), 0.0) * self.per_minute / 60
        return replace(self, tokens=min(self.tokens + more, self.most), at=now)

    def spent(self, count: int) -> Self:
        """Return it after so many have gone out."""
        return replace(self, tokens=max(self.tokens - count, 0.0))

    @property
    def wait(self) -> timedelta:
        """How long after `at` the next one may go out."""
        return timedelta(minutes=max(1 - self.tokens, 0.0) / self.per_minute)


def _doubled(first: timedelta, times: int) -> timedelta:
    return min(first * (1 << min(times, _DOUBLINGS)), LONGEST)
