from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from client.records import Project, ProjectAccess, Workspace
from client.requests import Id, Requests


class Products(Requests):
    """Workspaces, projects, and roles in them.

    A change is of the record that was read: when somebody has changed it since, it fails with `stale` (412).
    """

    def workspaces(self, *, since: datetime | None = None, sort: str | None = None) -> Iterator[Workspace]:
        """The organisation's workspaces, newest first; `sort`: a field, with `-` falling."""
        return cast("Iterator[Workspace]", self._list("/workspaces", since=since, sort=sort))

    def workspace(self, workspace_id: Id) -> Workspace:
        """One workspace."""
        return cast("Workspace", self._get(f"/workspaces/{workspace_id}"))

    def create_workspace(
        self, name: str, *, description: str = "", idempotency_key: str | None = None
    ) -> Workspace:
        """Make a workspace."""
        body = {"name": name, "description": description}
        return cast("Workspace", self._post("/workspaces", body, idempotency_key))

    def change_workspace(self, workspace: Workspace, **changes: str) -> Workspace:
        """Change `name` or `description`."""
        path = f"/workspaces/{workspace['id']}"
        return cast("Workspace", self._patch(path, workspace["version"], changes))

    def projects(
        self,
        *,
        is_archived: bool = False,
        workspace_id: Id | None = None,
        since: datetime | None = None,
        sort: str | None = None,
    ) -> Iterator[Project]:
        """The organisation's projects, newest first."""
        rows = self._list(
            "/projects", is_archived=is_archived, workspace_id=workspace_id, since=since, sort=sort
        )
        return cast("Iterator[Project]", rows)

    def project(self, project_id: Id) -> Project:
        """One project."""
        return cast("Project", self._get(f"/projects/{project_id}"))

    def create_project(
        self,
        workspace_id: Id,
        name: str,
        problem_statement: str,
        *,
        description: str = "",
        idempotency_key: str | None = None,
    ) -> Project:
        """Make a project."""
        body = {
            "workspace_id": workspace_id,
            "name": name,
            "problem_statement": problem_statement,
            "description": description,
        }
        return cast("Project", self._post("/projects", body, idempotency_key))

    def change_project(self, project: Project, **changes: Any) -> Project:
        """Change `name`, `description`, `problem_statement`, `workspace_id` or `is_archived`."""
        return cast("Project", self._patch(f"/projects/{project['id']}", project["version"], changes))

    def archive_project(self, project: Project) -> None:
        """Put a project into the archive."""
        self._delete(f"/projects/{project['id']}", project["version"])

    def project_access(self, project_id: Id) -> Iterator[ProjectAccess]:
        """Who has a role in the project."""
        return cast("Iterator[ProjectAccess]", self._list(f"/projects/{project_id}/access"))

    def put_project_access(self, project_id: Id, user_id: Id, role: str) -> ProjectAccess:
        """Give a member a role in the project: EDITOR, COMMENTER or VIEWER."""
        path = f"/projects/{project_id}/access/{user_id}"
        return cast("ProjectAccess", self._put(path, {"role": role}))

    def end_project_access(self, access: ProjectAccess) -> None:
        """Let a member's role in the organisation hold in the project again."""
        self._delete(f"/projects/{access['project_id']}/access/{access['user_id']}", access["version"])
