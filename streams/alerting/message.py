"""What is told in words, the same for all channels: each shows these parts in its own form."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from routing.severity import Severity
from streams.alerting.content import Kind

TITLE = 150
"""Characters of a title at most: one line of a mailbox's list."""
STORM = "STORM"
"""The kind of a subject that is many reports."""


@dataclass(frozen=True, slots=True)
class Link:
    """Where something is: our own name of it, and its address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A heading and lines below it."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about, for machines: it stays the same from the first message to the last.

    `thread` names it, `labels` tell it apart from others, `began` is when it began. `address` is where it is
    found, None where the base of addresses is not known.
    """

    id: UUID
    thread: str
    labels: tuple[tuple[str, str], ...]
    org: str
    project: str
    kind: str
    component: str
    began: datetime
    address: str | None


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `key` tells it from others about its subject; `at` is when it is told.

    `over` says that what it is about has ended, `acknowledged` that it only reminds of what somebody has
    taken. `holds` is how long it is so unless another message comes, None: as long as a channel lets it be.
    All text is clean (`inert`), and none of it is markup.
    """

    kind: Kind
    key: str
    at: datetime
    severity: Severity
    subject: Subject
    title: str
    sentence: str
    facts: tuple[tuple[str, str], ...]
    lists: tuple[Listed, ...] = ()
    links: tuple[Link, ...] = ()
    note: str = ""
    over: bool = False
    acknowledged: bool = False
    holds: timedelta | None = None


def first_key() -> str:
    """Return the key of the first message about a report."""
    return str(Kind.DETECTED)


def bounded(lines: Sequence[str], most: int) -> tuple[str, ...]:
    """Return the first lines, and how many more there are."""
    more = len(lines) - most
    return (*lines[:most], f"and {more} more") if more > 0 else tuple(lines)
