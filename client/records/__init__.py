"""What the API sends, typed; docs/openapi.json has every meaning."""

from client.records.agents import (
    Agent,
    AgentDetail,
    AgentExecution,
    AgentTool,
    ClaimedExecution,
    ModelPrice,
)
from client.records.audit import AuditEntry
from client.records.backtests import ArtifactBacktest, Backtest
from client.records.calm import AlertSilence, AlertWindow
from client.records.channels import AlertChannel, MadeAlertChannel
from client.records.costs import Cost, CostPage, CostSums
from client.records.deliveries import AlertDelivery, ToldChannel
from client.records.evidence import Evidence, EvidenceLadder, EvidenceRung
from client.records.exclusions import ExclusionWindow, HolidayCalendar
from client.records.findings import (
    CascadeAnalysis,
    DivergenceReport,
    DivergenceReportDetail,
    Incident,
    ReportEvent,
    Series,
    Telemetry,
)
from client.records.gates import (
    Gate,
    GateArtifact,
    GateDecision,
    GateDecisionDetail,
    Indicator,
)
from client.records.letters import DeadLetter
from client.records.notices import AlertNotice
from client.records.people import (
    AlarmBudget,
    Invitation,
    MachineKey,
    MadeMachineKey,
    Me,
    Member,
    Organization,
)
from client.records.products import (
    AffectedArtifact,
    Artifact,
    ArtifactCascade,
    ArtifactDetail,
    Assumption,
    Dependency,
    Detector,
    Project,
    ProjectAccess,
    Tag,
    Workspace,
)
from client.records.routes import (
    AlertRoute,
    ReportRouting,
    RoutedChannel,
    RouteVerdict,
    RoutingHeld,
)

__all__ = [
    "AffectedArtifact",
    "Agent",
    "AgentDetail",
    "AgentExecution",
    "AgentTool",
    "AlarmBudget",
    "AlertChannel",
    "AlertDelivery",
    "AlertNotice",
    "AlertRoute",
    "AlertSilence",
    "AlertWindow",
    "Artifact",
    "ArtifactBacktest",
    "ArtifactCascade",
    "ArtifactDetail",
    "Assumption",
    "AuditEntry",
    "Backtest",
    "CascadeAnalysis",
    "ClaimedExecution",
    "Cost",
    "CostPage",
    "CostSums",
    "DeadLetter",
    "Dependency",
    "Detector",
    "DivergenceReport",
    "DivergenceReportDetail",
    "Evidence",
    "EvidenceLadder",
    "EvidenceRung",
    "ExclusionWindow",
    "Gate",
    "GateArtifact",
    "GateDecision",
    "GateDecisionDetail",
    "HolidayCalendar",
    "Incident",
    "Indicator",
    "Invitation",
    "MachineKey",
    "MadeAlertChannel",
    "MadeMachineKey",
    "Me",
    "Member",
    "ModelPrice",
    "Organization",
    "Project",
    "ProjectAccess",
    "ReportEvent",
    "ReportRouting",
    "RouteVerdict",
    "RoutedChannel",
    "RoutingHeld",
    "Series",
    "Tag",
    "Telemetry",
    "ToldChannel",
    "Workspace",
]
