from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from api.parameters import Moment, OneOf
from api.schemas.base import Asked, Versioned
from storage.quotas import QUOTA
from storage.tables.access import SCOPES

Scope = Annotated[str, OneOf(SCOPES)]
KeyName = Annotated[
    str, StringConstraints(min_length=1, max_length=100), Field(examples=["checkout, production"])
]


def _told_apart(scopes: list[str]) -> list[str]:
    if len(set(scopes)) < len(scopes):
        raise ValueError("a scope is named once")
    return scopes


class MachineKey(Versioned):
    """A machine's right to publish or read for one project. Its text is shown once, when it is made."""

    id: UUID
    org_id: UUID
    project_id: UUID
    name: str = Field(examples=["checkout, production"])
    scopes: list[Scope] = Field(examples=[["publish"]])
    created_by: UUID | None = Field(description="null: made before makers were noted")
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = Field(description="null: it does not expire")
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="right to a minute or two")
    quota: str | None = Field(
        description="samples that it may publish a second, minute, hour or day; null: as many as it likes",
        examples=["1000000/hour"],
    )
    version: int


class NewMachineKey(Asked):
    """A key to be."""

    project_id: UUID
    name: KeyName
    scopes: Annotated[
        list[Scope],
        Field(min_length=1, max_length=len(SCOPES), json_schema_extra={"uniqueItems": True}),
        AfterValidator(_told_apart),
    ] = Field(examples=[["publish"]])
    expires_at: Moment | None = Field(None, description="in the future; left out: never")
    quota: Annotated[str, StringConstraints(pattern=QUOTA)] | None = Field(
        None,
        description="samples a second, minute, hour or day; left out: as many as it likes",
        examples=["1000000/hour"],
    )


class MadeMachineKey(MachineKey):
    """A new key, with its text."""

    key: str = Field(
        description="for the header `augentis-key` of messages, or as a bearer token; it is not shown again",
        examples=["agk_0f5e1c1e8f0b4f5e9d8a1c2b3d4e5f60_..."],
    )


class MachineKeyChange(Asked):
    """What changes of a key."""

    name: KeyName
