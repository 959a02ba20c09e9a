"""What signing in takes and sends."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from settings import ProviderName

_BOTH: dict[str, Any] = {
    "required": ["organization", "invitation_id"],
    "properties": {"organization": {"type": "string"}, "invitation_id": {"type": "string"}},
}


_EXAMPLE: dict[str, Any] = {
    "provider": "google",
    "id_token": "eyJhbGciOiJSUzI1NiIs...",
    "nonce": "n-0S6",
    "organization": "acme",
}


class SignIn(BaseModel):
    """Who signs in, and what for."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"not": _BOTH, "examples": [_EXAMPLE]})

    provider: ProviderName
    id_token: str = Field(description="as the provider issued it", examples=["eyJhbGciOiJSUzI1NiIs..."])
    nonce: str | None = Field(None, description="what the provider was sent, if it was sent one")
    organization: str | None = Field(
        None, description="slug or id; who belongs to one only need not say", examples=["acme"]
    )
    workspace_id: UUID | None = Field(None, description="confines the token to this workspace")
    invitation_id: UUID | None = Field(
        None, description="is accepted first; the token is for its organisation"
    )

    @model_validator(mode="after")
    def _one_organization(self) -> Self:
        if self.organization is not None and self.invitation_id is not None:
            raise ValueError("an invitation is to its organisation: send `organization` or `invitation_id`")
        return self


class OrganizationName(BaseModel):
    """An organisation, as whoever chooses one needs it."""

    id: UUID
    slug: str = Field(examples=["acme"])
    name: str = Field(examples=["Acme"])


class Membership(BaseModel):
    """Where the person belongs, and as what."""

    organization: OrganizationName
    role_in_org: str = Field(examples=["ADMIN"])


class OpenInvitation(Membership):
    """Where the person is invited to."""

    id: UUID
    expires_at: datetime


class Session(Membership):
    """A token, and where else its person belongs or is invited to."""

    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIs..."])
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  # the scheme's name
    expires_in: int = Field(description="seconds", examples=[3600])
    memberships: list[Membership]
    invitations: list[OpenInvitation]
