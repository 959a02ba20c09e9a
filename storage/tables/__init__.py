"""The schema as SQLAlchemy tables: the truth that migrations are tested against."""

from storage.tables.base import Base
from storage.tables.findings import CascadeAnalysis, DetectorState, DivergenceReport
from storage.tables.machinery import (
    BatchSeen,
    Outbox,
    Partial,
    PartitionLedger,
    ProjectClock,
    ProjectWatermark,
)
from storage.tables.people import IngestKey, Organization, OrganizationMember, User, Workspace
from storage.tables.product import Artifact, ArtifactDependency, AssumptionRow, Project
from storage.tables.telemetry import Telemetry

__all__ = [
    "Artifact",
    "ArtifactDependency",
    "AssumptionRow",
    "Base",
    "BatchSeen",
    "CascadeAnalysis",
    "DetectorState",
    "DivergenceReport",
    "IngestKey",
    "Organization",
    "OrganizationMember",
    "Outbox",
    "Partial",
    "PartitionLedger",
    "Project",
    "ProjectClock",
    "ProjectWatermark",
    "Telemetry",
    "User",
    "Workspace",
]
