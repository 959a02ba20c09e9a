"""What the API takes and sends: the specification's names, and numbers beside its texts."""

from api.schemas.artifacts import (
    Artifact,
    ArtifactChange,
    ArtifactDetail,
    Assumption,
    Dependency,
    NewArtifact,
    NewDependency,
    NewTag,
    Tag,
)
from api.schemas.findings import (
    CascadeAnalysis,
    DivergenceReport,
    DivergenceReportDetail,
    Telemetry,
)
from api.schemas.people import (
    Me,
    Organization,
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
    "Artifact",
    "ArtifactChange",
    "ArtifactDetail",
    "Assumption",
    "CascadeAnalysis",
    "Dependency",
    "DivergenceReport",
    "DivergenceReportDetail",
    "Me",
    "NewArtifact",
    "NewDependency",
    "NewProject",
    "NewTag",
    "NewWorkspace",
    "Organization",
    "Project",
    "ProjectAccess",
    "ProjectChange",
    "Tag",
    "Telemetry",
    "Workspace",
    "WorkspaceChange",
]
