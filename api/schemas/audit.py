from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from api.parameters import OneOf
from api.schemas.base import Sent
from storage.tables.audit import ACTIONS, ACTOR_KINDS, RESOURCE_TYPES


class AuditEntry(Sent):
    """One change of one resource: who, what, before and after, from where, and why."""

    id: UUID
    org_id: UUID
    project_id: UUID | None
    timestamp: datetime
    actor_kind: Annotated[str, OneOf(ACTOR_KINDS)] = Field(
        description="`user`: a person; `key`: a machine key; `role`: a login of the database"
    )
    actor_id: UUID
    actor_name: str | None = Field(description="the login, where nobody else acted")
    action: Annotated[str, OneOf(ACTIONS)]
    resource_type: Annotated[str, OneOf(RESOURCE_TYPES)]
    resource_id: UUID
    changes_before: dict[str, Any] | None = Field(examples=[{"status": "REVIEW"}])
    changes_after: dict[str, Any] | None = Field(examples=[{"status": "APPROVED"}])
    ip_address: str | None = Field(examples=["203.0.113.7"])
    user_agent: str | None = Field(examples=["curl/8.5.0"])
    rationale: str | None = Field(
        description="the header `Augentis-Rationale` of the request, or an override's own reason",
        examples=["PRD meets all VCD indicators, approved by Product Lead"],
    )
    is_erased: bool = Field(
        description="what it held of a person was taken out; the chain holds all the same"
    )
