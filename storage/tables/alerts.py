"""What is to be told of reports and notices, and what each channel was told (ADR 0030)."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from detectors.divergence import Classification
from storage.tables.base import Base, OrgKey, one_of, within_org

DUE_KINDS = ("report", "notice", "organization")
SUBJECT_KINDS = ("report", "notice")
THREAD_KINDS = ("subject", "incident", "storm")
TOLD_STATES = ("TOLD", "ENDED", "DIGEST")


class AlertDue(Base):
    """When a subject is looked at next; it is there as long as something may be told of it.

    A `due_at` of infinity waits for news. One that `begins` is told to some channel for the first time then.
    One of kind `organization` asks that all of the organisation's
    subjects are looked at; its `subject_id` is the organisation's.
    """

    __tablename__ = "alert_due"
    __table_args__ = (
        one_of("subject_kind", DUE_KINDS),
        CheckConstraint("(project_id IS NULL) = (subject_kind = 'organization')", name="project"),
        Index("ix_alert_due_next", "due_at", "org_id"),
        Index("ix_alert_due_organization", "org_id", "due_at"),
    )

    org_id: Mapped[OrgKey]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID | None]
    due_at: Mapped[datetime]
    changed_at: Mapped[datetime]
    begins: Mapped[bool] = mapped_column(server_default=text("true"))


class AlertTold(Base):
    """What a channel knows of a subject: what it was told last.

    `thread_id` is what its messages are about: the subject, its incident, or the storm that it came in.
    ENDED is one that has ended as far as the channel knows, or whose thread goes on without it. DIGEST waits
    for the weekly digest. `classification` is the one that was told, None of a notice.
    """

    __tablename__ = "alert_told"
    __table_args__ = (
        within_org("channel_id", "alert_channel"),
        within_org("project_id", "project"),
        one_of("subject_kind", SUBJECT_KINDS),
        one_of("thread_kind", THREAD_KINDS),
        one_of("state", TOLD_STATES),
        one_of("classification", Classification),
        CheckConstraint("(classification IS NULL) = (subject_kind = 'notice')", name="classified"),
        Index("ix_alert_told_subject", "org_id", "subject_id"),
        Index("ix_alert_told_thread", "org_id", "channel_id", "thread_id"),
        Index("ix_alert_told_digest", "org_id", "channel_id", postgresql_where=text("state = 'DIGEST'")),
        Index("ix_alert_told_lately", "org_id", "first_told_at"),
    )

    org_id: Mapped[OrgKey]
    channel_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    subject_kind: Mapped[str]
    project_id: Mapped[UUID]
    route_id: Mapped[UUID]
    thread_id: Mapped[UUID]
    thread_kind: Mapped[str]
    state: Mapped[str]
    classification: Mapped[str | None]
    first_told_at: Mapped[datetime]
    told_at: Mapped[datetime]
    reminded_at: Mapped[datetime | None]
    refreshed_at: Mapped[datetime | None]
    escalated_at: Mapped[datetime | None]
    acknowledged_told: Mapped[bool] = mapped_column(server_default=text("false"))
