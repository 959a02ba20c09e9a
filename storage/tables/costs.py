"""What agents cost, rolled up (DataModel.md 14; ADR 0020)."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import Base, CreatedAt, IdKey, OrgKey, one_of, within_org
from storage.tables.product import PHASES

PERIODS = ("daily", "weekly", "monthly")


class CostTracking(Base):
    """What one agent used and cost with one model, in one phase of one project, in one period.

    Made from the executions that ended in it, by the worker alone: no entity, so not in the audit log.
    `aggregated_at` says how long the period is, `period_start` its first day, in the organisation's time
    zone; a week begins on Monday. US dollars.
    """

    __tablename__ = "cost_tracking"
    __table_args__ = (
        within_org("project_id", "project"),
        # In the order in which they are asked for: of all agents in some periods.
        UniqueConstraint(
            *("org_id", "aggregated_at", "period_start", "project_id", "agent_id", "phase", "model_used"),
            name="uq_cost_tracking_period",
        ),
        one_of("phase", PHASES),
        one_of("aggregated_at", PERIODS),
        CheckConstraint(
            "CASE aggregated_at WHEN 'weekly' THEN extract(isodow FROM period_start) = 1"
            " WHEN 'monthly' THEN extract(day FROM period_start) = 1 ELSE true END",
            name="period_start",
        ),
        CheckConstraint("tokens_used >= 0", name="tokens_used"),
        CheckConstraint("cost_usd >= 0 AND cost_usd <> 'NaN'", name="cost_usd"),
        CheckConstraint("executions > 0", name="executions"),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    phase: Mapped[str]
    model_used: Mapped[str]
    aggregated_at: Mapped[str]
    period_start: Mapped[date]
    tokens_used: Mapped[int] = mapped_column(BigInteger)
    cost_usd: Mapped[Decimal] = mapped_column(Numeric(38, 12))
    executions: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class CostPending(Base):
    """A mark: of this day (UTC; NULL: of every day) executions have changed since they were rolled up.

    Only added and taken away, never changed: two who end executions at once do not wait for each other, and
    a mark that is seen says that its execution is seen. A `project_id` of NULL says: of all projects.
    """

    __tablename__ = "cost_pending"

    org_id: Mapped[OrgKey]
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    project_id: Mapped[UUID | None]
    day: Mapped[date | None]
    marked_at: Mapped[CreatedAt]
