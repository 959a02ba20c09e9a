"""Organisations, people and machines; times are text in RFC 3339, UTC."""

from typing import TypedDict


class Organization(TypedDict):
    """The tenant; `max_projects` None: unlimited."""

    id: str
    name: str
    slug: str
    subscription_tier: str
    max_projects: int | None
    max_agents_per_project: int
    timezone: str
    alarms_per_year: float
    created_at: str
    updated_at: str
    version: int


class AlarmBudget(TypedDict):
    """The false alarms that an organisation takes, and what it was told from `since` on."""

    alarms_per_year: float
    live_assumptions: int
    shadow_assumptions: int
    share: float | None
    since: str
    alarms: int
    launch_alarms: int
    shadow_alarms: int


class Me(TypedDict):
    """Who asks, for which organisation, and as what."""

    user_id: str
    email: str
    full_name: str
    role_in_org: str
    workspace_id: str | None
    organization: Organization


class Member(TypedDict):
    """A person's membership of the organisation."""

    org_id: str
    user_id: str
    email: str
    full_name: str
    role_in_org: str
    created_at: str
    updated_at: str
    removed_at: str | None
    version: int


class Invitation(TypedDict):
    """Somebody asked to join."""

    id: str
    org_id: str
    email: str
    role_in_org: str
    status: str
    invited_by: str
    created_at: str
    expires_at: str
    accepted_at: str | None
    accepted_by: str | None
    revoked_at: str | None


class MachineKey(TypedDict):
    """A machine's right to publish or read for one project."""

    id: str
    org_id: str
    project_id: str
    name: str
    scopes: list[str]
    created_by: str | None
    created_at: str
    updated_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    quota: str | None
    version: int


class MadeMachineKey(MachineKey):
    """A new key, with its text, which is not shown again."""

    key: str
