from datetime import datetime
from functools import cache
from typing import Annotated
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, StringConstraints

from api.parameters import OneOf
from api.schemas.base import LEFT_OUT, Asked, Change, Sent, Versioned
from storage.reading.invitations import STATUSES
from storage.tables.people import ROLES

Role = Annotated[str, OneOf(ROLES)]
FullName = Annotated[str, StringConstraints(min_length=2, max_length=100), Field(examples=["Ada Lovelace"])]
OrganizationName = Annotated[str, StringConstraints(min_length=3, max_length=100), Field(examples=["Acme"])]
_AS_THE_DATABASE_HAS_IT = "as the database has it, whatever the token says"


@cache
def _zones() -> frozenset[str]:
    # What `localtime` means depends on the machine, and a database has none.
    return frozenset(available_timezones() - {"localtime"})


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("this is no IANA time zone (Europe/Vienna)")
    return name


def _bare(address: object) -> object:
    # EmailStr would take `Ann <ann@example.org>` as well.
    if isinstance(address, str) and "<" in address:
        raise ValueError("send the address alone")
    return address


TimeZone = Annotated[
    str, AfterValidator(_known_zone), Field(description="IANA name", examples=["Europe/Vienna"])
]
Email = Annotated[EmailStr, BeforeValidator(_bare), Field(examples=["max@acme.example"])]


AlarmsPerYear = Annotated[float, Field(strict=True, ge=0.001, le=365, allow_inf_nan=False, examples=[1.0])]


class Organization(Versioned):
    """The tenant. Its limits follow from its tier, which is not its own to change."""

    id: UUID
    name: str
    slug: str = Field(examples=["acme"])
    subscription_tier: str = Field(examples=["BASIC"])
    max_projects: int | None = Field(
        description="projects that are not archived; null: unlimited", examples=[3]
    )
    max_agents_per_project: int = Field(examples=[1])
    timezone: str = Field(description="IANA name; its days begin there", examples=["UTC"])
    alarms_per_year: float = Field(
        description="false alarms that all its live assumptions together may raise", examples=[1.0]
    )
    created_at: datetime
    updated_at: datetime
    version: int


class OrganizationChange(Change):
    """What changes of an organisation."""

    name: OrganizationName = LEFT_OUT
    timezone: TimeZone = LEFT_OUT
    alarms_per_year: AlarmsPerYear = LEFT_OUT


class AlarmBudget(Sent):
    """The false alarms that an organisation takes, and what it was told in the last 365 days.

    A report counts once: as `shadow_alarms`, else as `launch_alarms`, else as `alarms`; one found in history
    that was loaded does not count. Those about what is really broken count as well: nobody tells them apart.
    """

    alarms_per_year: float = Field(examples=[1.0])
    live_assumptions: int = Field(description="those that share it, silent ones too", examples=[10])
    shadow_assumptions: int = Field(description="those of them that run silently now", examples=[1])
    share: float | None = Field(description="of each, in alarms a year; null: none is live", examples=[0.1])
    since: datetime = Field(description="365 days ago; what counts is `detected_at`")
    alarms: int = Field(examples=[2])
    launch_alarms: int = Field(description="of assumptions that had just begun", examples=[1])
    shadow_alarms: int = Field(description="of assumptions that ran silently: nobody was told", examples=[0])


class Me(Versioned):
    """Who asks, for which organisation, and as what."""

    user_id: UUID
    email: str
    full_name: str
    role_in_org: Role = Field(examples=["ADMIN"], description=_AS_THE_DATABASE_HAS_IT)
    workspace_id: UUID | None = Field(description="the one workspace that the token is good for; null: all")
    organization: Organization


class MeChange(Asked):
    """What people change of themselves."""

    full_name: FullName


class Member(Versioned):
    """A person's membership of the organisation."""

    org_id: UUID
    user_id: UUID
    email: str = Field(examples=["max@acme.example"])
    full_name: str = Field(examples=["Max Muster"])
    role_in_org: Role = Field(examples=["MEMBER"])
    created_at: datetime
    updated_at: datetime
    removed_at: datetime | None = Field(description="when the membership ended; null: it stands")
    version: int


class MemberChange(Asked):
    """What changes of a membership."""

    role_in_org: Role = Field(examples=["VIEWER"])


class Invitation(Sent):
    """Somebody asked to join. Whoever signs in with the address, verified, may accept."""

    id: UUID
    org_id: UUID
    email: str = Field(examples=["max@acme.example"])
    role_in_org: Role = Field(examples=["MEMBER"])
    status: Annotated[str, OneOf(STATUSES)] = Field(examples=["PENDING"])
    invited_by: UUID
    created_at: datetime
    expires_at: datetime = Field(description="7 days after `created_at`")
    accepted_at: datetime | None
    accepted_by: UUID | None
    revoked_at: datetime | None


class NewInvitation(Asked):
    """Who is asked to join, and as what."""

    email: Email
    role_in_org: Role = Field(examples=["MEMBER"])
