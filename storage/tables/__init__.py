"""The schema as SQLAlchemy tables: the truth that migrations are tested against."""

from storage.tables.access import IdempotencyKey, MachineKey, ProjectAccess
from storage.tables.agents import Agent, AgentExecution, AgentTool, ModelPrice
from storage.tables.alerts import AlertDue, AlertTold
from storage.tables.audit import AuditChain, AuditCheckpoint, AuditHead, AuditLink, AuditLog, AuditPending
from storage.tables.base import Base
from storage.tables.calm import AlertSilence, AlertWindow
from storage.tables.channels import AlertChannel
from storage.tables.costs import CostPending, CostTracking
from storage.tables.deliveries import AlertDelivery, AlertLane
from storage.tables.evidence import Evidence
from storage.tables.exclusions import ExclusionWindow, HolidayCalendar
from storage.tables.findings import CascadeAnalysis, DetectorState, DivergenceReport, ReportEvent
from storage.tables.gates import GateArtifact, GateEvidence, PhaseGateDecision
from storage.tables.letters import DeadLetter
from storage.tables.limits import KeyUsage, Series, SeriesCount, TopicBinding
from storage.tables.machinery import (
    BatchSeen,
    Outbox,
    Partial,
    PartitionLedger,
    ProjectClock,
    ProjectWatermark,
)
from storage.tables.mapping import OtlpMapping
from storage.tables.notices import AlertNotice
from storage.tables.otlp import OtlpPoint, OtlpSeries
from storage.tables.people import (
    Invitation,
    Organization,
    OrganizationMember,
    OrganizationTombstone,
    User,
    Workspace,
)
from storage.tables.product import Artifact, ArtifactDependency, AssumptionRow, Project, Tag
from storage.tables.routes import AlertRoute, AlertRouteChannel
from storage.tables.telemetry import Telemetry

__all__ = [
    "Agent",
    "AgentExecution",
    "AgentTool",
    "AlertChannel",
    "AlertDelivery",
    "AlertDue",
    "AlertLane",
    "AlertNotice",
    "AlertRoute",
    "AlertRouteChannel",
    "AlertSilence",
    "AlertTold",
    "AlertWindow",
    "Artifact",
    "ArtifactDependency",
    "AssumptionRow",
    "AuditChain",
    "AuditCheckpoint",
    "AuditHead",
    "AuditLink",
    "AuditLog",
    "AuditPending",
    "Base",
    "BatchSeen",
    "CascadeAnalysis",
    "CostPending",
    "CostTracking",
    "DeadLetter",
    "DetectorState",
    "DivergenceReport",
    "Evidence",
    "ExclusionWindow",
    "GateArtifact",
    "GateEvidence",
    "HolidayCalendar",
    "IdempotencyKey",
    "Invitation",
    "KeyUsage",
    "MachineKey",
    "ModelPrice",
    "Organization",
    "OrganizationMember",
    "OrganizationTombstone",
    "OtlpMapping",
    "OtlpPoint",
    "OtlpSeries",
    "Outbox",
    "Partial",
    "PartitionLedger",
    "PhaseGateDecision",
    "Project",
    "ProjectAccess",
    "ProjectClock",
    "ProjectWatermark",
    "ReportEvent",
    "Series",
    "SeriesCount",
    "Tag",
    "Telemetry",
    "TopicBinding",
    "User",
    "Workspace",
]
