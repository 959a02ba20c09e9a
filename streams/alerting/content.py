"""What is known of a report when something is told of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from detectors.assumptions import Assumption
from detectors.cascade import Cascade
from storage.findings import Report
from streams.alerting.places import Places


class Kind(StrEnum):
    """What is told."""

    DETECTED = "detected"
    RECLASSIFIED = "reclassified"
    RESOLVED = "resolved"
    REMINDER = "reminder"
    STORM = "storm"
    ESCALATED = "escalated"
    ACKNOWLEDGED = "acknowledged"
    DIGEST = "digest"
    NOTICE = "notice"
    HEARTBEAT = "heartbeat"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class ArtifactVersion:
    """The version of an artifact that production contradicts; `title` '' where its content has none."""

    id: UUID
    type: str
    key: str
    version: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What became of a report so far; `at` is when this is told.

    `before` is the classification that was told last. `resolution` and `resolved_at` are those of the report;
    of a person's, `resolved_by` and `why` are who and what they said.
    """

    at: datetime
    before: str | None = None
    resolution: str | None = None
    resolved_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    resolved_by: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """A report of the same incident; the root is the one that the others rest on."""

    report_id: UUID
    summary: str
    classification: str
    is_root: bool
    is_open: bool


@dataclass(frozen=True, slots=True)
class Incident:
    """Reports that share a root. `told_as_one` is one whose messages are about all of it."""

    id: UUID
    peers: Sequence[Peer]
    told_as_one: bool = False

    @property
    def is_open(self) -> bool:
        """Whether any of its reports is open."""
        return any(peer.is_open for peer in self.peers)


@dataclass(frozen=True, slots=True)
class Content:
    """One thing to tell about a report. Free text is as people wrote it: it is cleaned when put into words.

    `org` is the organisation's slug, `owner` who is to be asked, '' where nobody is named.
    """

    kind: Kind
    report: Report
    cascade: Cascade
    assumption: Assumption
    artifact: ArtifactVersion
    project: str
    org: str
    owner: str
    course: Course
    places: Places = field(default_factory=Places)
    incident: Incident | None = None
