from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from api.parameters import OneOf
from api.schemas.base import LEFT_OUT, Asked, Change, Description, Versioned
from storage.tables.access import PROJECT_ROLES
from storage.tables.product import PHASES, PROJECT_STATUSES

WorkspaceName = Annotated[str, StringConstraints(min_length=3, max_length=50), Field(examples=["Payments"])]
ProjectName = Annotated[str, StringConstraints(min_length=3, max_length=100), Field(examples=["Checkout"])]
Problem = Annotated[
    str,
    StringConstraints(min_length=10, max_length=5000),
    Field(examples=["It takes too long to pay: one buyer in three gives up."]),
]
ProjectRole = Annotated[str, OneOf(PROJECT_ROLES)]


class Workspace(Versioned):
    """A team's part of an organisation."""

    id: UUID
    org_id: UUID
    name: str = Field(examples=["Payments"])
    description: str
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: int


class NewWorkspace(Asked):
    """A workspace to be; its name is its organisation's only one."""

    name: WorkspaceName
    description: Description = ""


class WorkspaceChange(Change):
    """What changes of a workspace."""

    name: WorkspaceName = LEFT_OUT
    description: Description = LEFT_OUT


class Project(Versioned):
    """A product being defined, built and watched."""

    id: UUID
    org_id: UUID
    workspace_id: UUID
    name: str = Field(examples=["Checkout"])
    description: str
    problem_statement: str
    phase: Annotated[str, OneOf(PHASES)] = Field(examples=["DEPLOY"])
    status: Annotated[str, OneOf(PROJECT_STATUSES)] = Field(examples=["IN_PROGRESS"])
    created_by: UUID
    last_updated_by: UUID | None
    created_at: datetime
    updated_at: datetime
    is_archived: bool
    version: int


class NewProject(Asked):
    """A project to be; its name is its workspace's only one among those that are not archived."""

    workspace_id: UUID
    name: ProjectName
    description: Description = ""
    problem_statement: Problem
    phase: Annotated[str, OneOf(PHASES)] = Field(
        "DISCOVER", description="where it stands already; from there gates lead on", examples=["DEPLOY"]
    )


class ProjectChange(Change):
    """What changes of a project. Taking it out of the archive counts against the tier's limit again."""

    workspace_id: UUID = LEFT_OUT
    name: ProjectName = LEFT_OUT
    description: Description = LEFT_OUT
    problem_statement: Problem = LEFT_OUT
    is_archived: bool = LEFT_OUT


class ProjectAccess(Versioned):
    """A member's role in one project, in place of the one in the organisation (ADMIN excepted)."""

    org_id: UUID
    project_id: UUID
    user_id: UUID
    role: ProjectRole = Field(examples=["EDITOR"])
    created_at: datetime
    updated_at: datetime
    version: int


class AccessRole(Asked):
    """The role that a member is to have in a project."""

    role: ProjectRole = Field(examples=["EDITOR"])
