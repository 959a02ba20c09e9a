"""A small client of the Augentis API, for scripts and notebooks."""

from client.api import Client
from client.errors import ApiError
from client.records import (
    Artifact,
    ArtifactDetail,
    CascadeAnalysis,
    DivergenceReport,
    DivergenceReportDetail,
    Me,
    Project,
    Telemetry,
)

__all__ = [
    "ApiError",
    "Artifact",
    "ArtifactDetail",
    "CascadeAnalysis",
    "Client",
    "DivergenceReport",
    "DivergenceReportDetail",
    "Me",
    "Project",
    "Telemetry",
]
