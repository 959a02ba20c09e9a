from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from api.schemas.base import Versioned
from metrics.otlp_rules import Rules
from storage.tables import OtlpMapping as Row


class OtlpMapping(Versioned):
    """The rules that hold for a project's OTLP metrics, and who put them there."""

    org_id: UUID
    project_id: UUID
    version: int = Field(description="1, 2, 3: each set of rules that held is one", examples=[1])
    mapping: Rules
    created_by: UUID
    created_at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """Return the version in `row`."""
        return cls(
            org_id=row.org_id,
            project_id=row.project_id,
            version=row.version,
            mapping=Rules.model_validate(row.rules),
            created_by=row.created_by,
            created_at=row.created_at,
        )
