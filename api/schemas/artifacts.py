from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from api.parameters import Name, OneOf
from api.schemas.base import LEFT_OUT, Asked, Change, Finite, Sent, Versioned
from detectors.bounds import Operator, ToleranceKind
from detectors.divergence import DivergenceType
from detectors.tiers import EvidenceTier
from metrics.names import Metric
from storage.tables.product import ARTIFACT_STATUSES, ARTIFACT_TYPES

ArtifactType = Annotated[str, OneOf(ARTIFACT_TYPES)]
ArtifactStatus = Annotated[str, OneOf(ARTIFACT_STATUSES)]
TagName = Annotated[Name, Field(examples=["vrc_gate_submission"])]
_CONTENT = {
    "title": "One-page checkout",
    "assumptions": [{"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60}],
}


class Artifact(Versioned):
    """One version of a document or of code; `revision` grows with every change of it, and is its ETag."""

    id: UUID
    org_id: UUID
    project_id: UUID
    type: ArtifactType = Field(examples=["PRD"])
    key: str = Field(
        examples=["prd-one-page-checkout"], description="tells artifacts of one type in one project apart"
    )
    version: int = Field(description="1, 2, 3 ... of this type and key")
    status: ArtifactStatus = Field(examples=["APPROVED"])
    evidence_tier: EvidenceTier
    created_by: UUID
    submitted_by: UUID | None
    approved_by: UUID | None
    deployed_by: UUID | None
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    approved_at: datetime | None
    deployed_at: datetime | None
    revision: int


class ArtifactDetail(Artifact):
    """A version with its content, its tags and what it rests on."""

    content: dict[str, Any] | None
    depends_on: list[UUID] = Field(description="ids of the versions it rests on")
    tags: list[str] = Field(examples=[["vrc_gate_submission"]])


class NewArtifact(Asked):
    """The next version of the artifact of this type and key; the database numbers it."""

    type: ArtifactType = Field(examples=["PRD"])
    key: Annotated[str, StringConstraints(max_length=100)] = Field("", examples=["prd-one-page-checkout"])
    content: dict[str, Any] | None = Field(None, examples=[_CONTENT])
    evidence_tier: EvidenceTier = EvidenceTier.E0
    depends_on: Annotated[list[UUID], Field(max_length=100)] = Field(
        default_factory=list, description="ids of versions in the same project"
    )


class ArtifactChange(Change):
    """What changes of a version: of a draft or one in review its content and tier, or its status by one step.

    DRAFT -> REVIEW -> APPROVED -> DEPLOYED, and REVIEW -> DRAFT. A step is a request of its own.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "dependentSchemas": {"status": {"maxProperties": 1}},
            "examples": [{"status": "REVIEW"}],
        }
    )

    content: dict[str, Any] | None = LEFT_OUT
    evidence_tier: EvidenceTier = LEFT_OUT
    status: ArtifactStatus = LEFT_OUT

    @model_validator(mode="after")
    def _one_thing_at_a_time(self) -> Self:
        if "status" in self.model_fields_set and len(self.model_fields_set) > 1:
            raise ValueError("a step of the status is a request of its own")
        return self


class Tag(Sent):
    """A word on an artifact version."""

    id: UUID
    org_id: UUID
    project_id: UUID
    artifact_id: UUID
    tag_name: str = Field(examples=["vrc_gate_submission"])
    created_at: datetime


class NewTag(Asked):
    """A tag to be."""

    tag_name: TagName


class Dependency(Sent):
    """`artifact_id` rests on `depends_on_id`."""

    org_id: UUID
    project_id: UUID
    artifact_id: UUID
    depends_on_id: UUID
    created_at: datetime


class NewDependency(Asked):
    """What the version rests on: another version in the same project."""

    depends_on_id: UUID


class Detector(Sent):
    """What detection knows of an assumption: what holds now.

    The numbers are those of the last day that had enough data: of a day with less, only the status speaks.
    While the hours of a day that runs show a gross breach, they are those of these hours.
    """

    status: str = Field(
        description="what holds now: what the last day said, or DIVERGED once hours of the day after it show"
        " a gross breach (docs/detection.md)",
        examples=["WATCH"],
    )
    folded_through: date = Field(description="the last local day that was judged")
    diverged_since: datetime | None = Field(
        description="`detected_at` of its open report; null: none is open", examples=[None]
    )
    e_value: Finite = Field(
        None,
        description="evidence against the assumption; once it diverged, that it is kept again",
        examples=[412.5],
    )
    threshold: Finite = Field(None, description="the e-value at which we speak", examples=[1095.0])
    mean: Finite = Field(
        None,
        description="the value of the last day, less what is usual for its weekday; of a gross breach that of"
        " its last three hours",
        examples=[57.3],
    )
    deviation: Finite = Field(None, description="how far such days scatter, as a standard deviation")
    interval_low: Finite = Field(
        None,
        description="the value lies between these two, as the test sees it; null: of a gross breach before"
        " its day is over",
    )
    interval_high: Finite = None


class Assumption(Sent):
    """One assumption of an approved version, as it is watched; `superseded_at`: until when it was."""

    id: UUID
    org_id: UUID
    project_id: UUID
    artifact_id: UUID
    key: str = Field(examples=["adoption"])
    statement: str
    metric_name: Metric
    cohort: str = Field(examples=["mainstream"])
    feature: str = Field(examples=["F12"])
    operator: Operator
    value: float = Field(examples=[60.0])
    unit: str = Field(examples=["%"])
    tolerance: float
    tolerance_kind: ToleranceKind
    divergence_type: DivergenceType
    evidence_tier: EvidenceTier
    effective_from: datetime
    min_users: int
    min_samples: int | None = Field(description="null: the test's own", examples=[None])
    launch_grace_days: int = Field(examples=[0])
    slow: bool
    shadow_days: int = Field(examples=[14])
    owner: str
    runbook_url: str
    superseded_at: datetime | None
    created_at: datetime
    in_launch_grace: bool = Field(description="it is not tested yet, as its value ramps up")
    in_shadow: bool = Field(description="it runs silently: nobody is alerted of its reports")
    alarms_per_year: float | None = Field(
        description="its share of the organisation's alarm budget now; null: it is not live, or the caller"
        " does not see all of the organisation",
        examples=[0.1],
    )
    detector: Detector | None = Field(description="null: no day was judged yet")
