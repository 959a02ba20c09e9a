from uuid import UUID

from pydantic import BaseModel, Field

from api.schemas.base import Sent


class Organization(Sent):
    """The tenant."""

    id: UUID
    name: str
    slug: str = Field(examples=["acme"])
    subscription_tier: str = Field(examples=["BASIC"])
    timezone: str = Field(examples=["UTC"])


class Me(BaseModel):
    """Who asks, for which organisation, and as what."""

    user_id: UUID
    email: str
    full_name: str
    role_in_org: str = Field(
        examples=["ADMIN"], description="as the database has it, whatever the token says"
    )
    workspace_id: UUID | None = Field(description="the one workspace that the token is good for; null: all")
    organization: Organization
