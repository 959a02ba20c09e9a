"""A small client of the Augentis API, for scripts and notebooks."""

from client.api import Client
from client.errors import ApiError
from client.records import (
    Artifact,
    ArtifactDetail,
    Assumption,
    CascadeAnalysis,
    DeadLetter,
    Dependency,
    DivergenceReport,
    DivergenceReportDetail,
    Invitation,
    MachineKey,
    MadeMachineKey,
    Me,
    Member,
    Organization,
    Project,
    ProjectAccess,
    Tag,
    Telemetry,
    Workspace,
)

__all__ = [
    "ApiError",
    "Artifact",
    "ArtifactDetail",
    "Assumption",
    "CascadeAnalysis",
    "Client",
    "DeadLetter",
    "Dependency",
    "DivergenceReport",
    "DivergenceReportDetail",
    "Invitation",
    "MachineKey",
    "MadeMachineKey",
    "Me",
    "Member",
    "Organization",
    "Project",
    "ProjectAccess",
    "Tag",
    "Telemetry",
    "Workspace",
]
