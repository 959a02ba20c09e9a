"""Agents, what their models cost, and what they did (DataModel.md 11 and 15; ADR 0019)."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.tables.base import (
    Base,
    CreatedAt,
    IdKey,
    OrgKey,
    length,
    one_of,
    within_org,
    within_project,
)
from storage.tables.product import PHASES

AGENT_TYPES = ("VALIDATOR", "ANALYZER", "GENERATOR", "ASSEMBLER")
EXECUTION_STATUSES = ("QUEUED", "RUNNING", "SUCCESS", "FAILED", "RETRIED")
MOST_RETRIES = 10

# US dollars per million tokens; times tokens, over a million, that is exact with twelve decimals.
Price = Annotated[Decimal, mapped_column(Numeric(12, 6))]
Cost = Annotated[Decimal, mapped_column(Numeric(24, 12))]


class Agent(Base):
    """One of the 26 agents of the master catalogue; the same for every tenant."""

    __tablename__ = "agent"
    __table_args__ = (
        CheckConstraint("id BETWEEN 1 AND 26", name="id"),
        length("name", 3, 100),
        one_of("phase", PHASES),
        one_of("agent_type", AGENT_TYPES),
        length("model_preference", 1, 100),
        CheckConstraint(
            "avg_tokens_input >= 0 AND avg_tokens_output >= 0 AND cost_per_execution_usd >= 0",
            name="averages",
        ),
        UniqueConstraint("name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]
    phase: Mapped[str]
    agent_type: Mapped[str]
    description: Mapped[str]
    system_prompt: Mapped[str]
    model_preference: Mapped[str]
    avg_tokens_input: Mapped[int]
    avg_tokens_output: Mapped[int]
    cost_per_execution_usd: Mapped[Cost]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[CreatedAt]
    updated_at: Mapped[CreatedAt]


class AgentTool(Base):
    """A tool that an agent may use, and within which bounds."""

    __tablename__ = "agent_tool"
    __table_args__ = (
        CheckConstraint("tool_name ~ '^[a-z][a-z0-9_]{1,49}$'", name="tool_name"),
        CheckConstraint("jsonb_typeof(tool_config) = 'object'", name="tool_config"),
    )

    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"), primary_key=True)
    tool_name: Mapped[str] = mapped_column(primary_key=True)
    tool_config: Mapped[dict[str, Any]]


class ModelPrice(Base):
    """What a model costs from a moment on, in US dollars per million tokens."""

    __tablename__ = "model_price"
    __table_args__ = (
        length("model", 1, 100),
        CheckConstraint(
            "input_per_million >= 0 AND output_per_million >= 0"
            " AND input_per_million <> 'NaN' AND output_per_million <> 'NaN'",
            name="prices",
        ),
    )

    model: Mapped[str] = mapped_column(primary_key=True)
    effective_from: Mapped[datetime] = mapped_column(primary_key=True)
    input_per_million: Mapped[Price]
    output_per_million: Mapped[Price]
    created_at: Mapped[CreatedAt]


_ENDED = (
    "completed_at, tokens_input, tokens_output, model_used, cost_usd, input_per_million, output_per_million"
)


class AgentExecution(Base):
    """One run of an agent for a project, queued, running or ended; its retry is a row of its own.

    The database writes what belongs to a step: times, price, cost in US dollars. `seen_at` is the last word
    of whoever runs it, a person or a machine key (`claimed_by`).
    """

    __tablename__ = "agent_execution"
    __table_args__ = (
        one_of("phase", PHASES),
        one_of("status", EXECUTION_STATUSES),
        CheckConstraint(
            "num_nonnulls(started_at, seen_at, claimed_by) = CASE status WHEN 'QUEUED' THEN 0 ELSE 3 END",
            name="started",
        ),
        CheckConstraint(
            f"num_nonnulls({_ENDED}) = CASE WHEN status IN ('QUEUED', 'RUNNING') THEN 0 ELSE 7 END",
            name="ended",
        ),
        CheckConstraint("(status IN ('FAILED', 'RETRIED')) = (error_message IS NOT NULL)", name="failed"),
        CheckConstraint("output_artifact_id IS NULL OR status = 'SUCCESS'", name="output"),
        length("error_message", 1, 10000),
        CheckConstraint("tokens_input >= 0 AND tokens_output >= 0", name="tokens"),
        CheckConstraint(
            "cost_usd = (tokens_input * input_per_million + tokens_output * output_per_million) * 0.000001",
            name="cost",
        ),
        CheckConstraint(
            f"max_retries BETWEEN 0 AND {MOST_RETRIES} AND retry_count BETWEEN 0 AND max_retries"
            " AND (retry_count = 0) = (retry_of IS NULL)",
            name="retries",
        ),
        within_org("project_id", "project"),
        within_project("output_artifact_id", "artifact"),
        within_project("retry_of", "agent_execution"),
        UniqueConstraint("org_id", "project_id", "id"),
        UniqueConstraint("org_id", "project_id", "claim_id"),
        UniqueConstraint("org_id", "retry_of"),
        Index("ix_agent_execution_project", "org_id", "project_id", text("created_at DESC")),
        Index(
            "ix_agent_execution_queue",
            "org_id",
            "project_id",
            "created_at",
            "id",
            postgresql_where=text("status = 'QUEUED'"),
        ),
        Index(
            "ix_agent_execution_running",
            "org_id",
            "project_id",
            postgresql_where=text("status = 'RUNNING'"),
        ),
        Index(
            "ix_agent_execution_ended",
            "org_id",
            "completed_at",
            postgresql_where=text("completed_at IS NOT NULL"),
        ),
        Index("ix_agent_execution_silent", "seen_at", postgresql_where=text("status = 'RUNNING'")),
    )

    org_id: Mapped[OrgKey]
    id: Mapped[IdKey]
    project_id: Mapped[UUID]
    agent_id: Mapped[int] = mapped_column(ForeignKey("agent.id"))
    phase: Mapped[str]
    status: Mapped[str] = mapped_column(server_default=text("'QUEUED'"))
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    tokens_input: Mapped[int | None]
    tokens_output: Mapped[int | None]
    cost_usd: Mapped[Cost | None]
    model_used: Mapped[str | None]
    output_artifact_id: Mapped[UUID | None]
    error_message: Mapped[str | None]
    retry_count: Mapped[int] = mapped_column(server_default=text("0"))
    max_retries: Mapped[int] = mapped_column(server_default=text("3"))
    created_at: Mapped[CreatedAt]
    retry_of: Mapped[UUID | None]
    input_per_million: Mapped[Price | None]
    output_per_million: Mapped[Price | None]
    seen_at: Mapped[datetime | None]
    claim_id: Mapped[UUID | None]
    queued_by: Mapped[UUID] = mapped_column(ForeignKey("app_user.id"))
    claimed_by: Mapped[UUID | None]
    updated_at: Mapped[CreatedAt]
    # Not `Version`: what the API's role inserts names no version, nor may it.
    version: Mapped[int] = mapped_column(server_default=text("1"))
