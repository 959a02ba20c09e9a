"""What a path or a body names, or the answer that there is no such thing."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row

from api import problems
from api.caller import Caller
from api.problems import ProblemError
from storage.entities import workspaces
from storage.reading import artifacts, projects, reports
from storage.tables import Artifact, Project


async def project(caller: Caller, project_id: UUID) -> Project:
    """Return the project that a path names.

    Raises:
        ProblemError: it is not there, or not within the caller's sight.
    """
    found = await projects.one(caller.session, caller.org_id, project_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such project")
    return found


async def artifact(caller: Caller, artifact_id: UUID) -> Artifact:
    """Return the artifact version that a path names, without its content.

    Raises:
        ProblemError: it is not there, or not within the caller's sight.
    """
    found = await artifacts.bare(caller.session, caller.org_id, artifact_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such artifact")
    return found


async def report(caller: Caller, report_id: UUID) -> Row[Any]:
    """Return the report that a path names, without its cascade.

    Raises:
        ProblemError: it is not there, or not within the caller's sight.
    """
    found = await reports.bare(caller.session, caller.org_id, report_id)
    if found is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such report")
    return found


async def workspace_of_body(caller: Caller, workspace_id: UUID) -> None:
    """See that the workspace that a body names is within the caller's sight.

    Raises:
        ProblemError: it is not.
    """
    if not await workspaces.exists(caller.session, caller.org_id, workspace_id):
        raise problems.invalid("body.workspace_id", "there is no such workspace")
