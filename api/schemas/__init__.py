"""What the API takes and sends: the specification's names, and numbers beside its texts."""

from api.schemas.artifacts import (
    Artifact,
    ArtifactChange,
    ArtifactDetail,
    Assumption,
    Dependency,
    Detector,
    NewArtifact,
    NewDependency,
    NewTag,
    Tag,
)
from api.schemas.backtest import ArtifactBacktest, Backtest, BacktestEvent, NewBacktest
from api.schemas.cascade import AffectedArtifact, ArtifactCascade
from api.schemas.exclusions import ExclusionWindow, HolidayCalendar, NewExclusionWindow
from api.schemas.findings import (
    CascadeAnalysis,
    DivergenceReport,
    DivergenceReportDetail,
    Series,
    Telemetry,
)
from api.schemas.incidents import Incident
from api.schemas.keys import (
    MachineKey,
    MachineKeyChange,
    MadeMachineKey,
    NewMachineKey,
)
from api.schemas.letters import DeadLetter
from api.schemas.mapping import OtlpMapping
from api.schemas.people import (
    AlarmBudget,
    Invitation,
    Me,
    MeChange,
    Member,
    MemberChange,
    NewInvitation,
    Organization,
    OrganizationChange,
)
from api.schemas.projects import (
    AccessRole,
    NewProject,
    NewWorkspace,
    Project,
    ProjectAccess,
    ProjectChange,
    Workspace,
    WorkspaceChange,
)

__all__ = [
    "AccessRole",
    "AffectedArtifact",
    "AlarmBudget",
    "Artifact",
    "ArtifactBacktest",
    "ArtifactCascade",
    "ArtifactChange",
    "ArtifactDetail",
    "Assumption",
    "Backtest",
    "BacktestEvent",
    "CascadeAnalysis",
    "DeadLetter",
    "Dependency",
    "Detector",
    "DivergenceReport",
    "DivergenceReportDetail",
    "ExclusionWindow",
    "HolidayCalendar",
    "Incident",
    "Invitation",
    "MachineKey",
    "MachineKeyChange",
    "MadeMachineKey",
    "Me",
    "MeChange",
    "Member",
    "MemberChange",
    "NewArtifact",
    "NewBacktest",
    "NewDependency",
    "NewExclusionWindow",
    "NewInvitation",
    "NewMachineKey",
    "NewProject",
    "NewTag",
    "NewWorkspace",
    "Organization",
    "OrganizationChange",
    "OtlpMapping",
    "Project",
    "ProjectAccess",
    "ProjectChange",
    "Series",
    "Tag",
    "Telemetry",
    "Workspace",
    "WorkspaceChange",
]
