from datetime import datetime
from uuid import UUID

from pydantic import Field

from api.schemas.base import Sent
from detectors.divergence import Classification


class Incident(Sent):
    """Reports that share a root: what broke on one ground, told once."""

    id: UUID = Field(description="`incident_id` of its reports")
    org_id: UUID
    project_id: UUID
    root_report_id: UUID = Field(description="the report that it is known by: the others rest on it")
    root_artifact_id: UUID = Field(description="the artifact version that it is about")
    detected_at: datetime = Field(description="event time: when the first of its reports was possible")
    reports: int = Field(examples=[3])
    open_reports: int = Field(examples=[1])
    classification: Classification = Field(description="the worst of its reports")
