"""An organisation with all it needs to begin: `augentis init`."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from storage.entities import keys, projects, workspaces
from storage.entities.operator import create_organization
from storage.tenancy import Claims, TenantSessions

WORKSPACE = "Main"
PROBLEM = "Not written down yet: say here what problem this product solves, and for whom."


@dataclass(frozen=True)
class Founded:
    """What `init` leaves behind; `ingest_key` is None where the project had one already."""

    org_id: UUID
    org_slug: str
    user_id: UUID
    workspace_id: UUID
    project_id: UUID
    ingest_key: str | None


async def found(owner_url: str, sessions: TenantSessions, *, slug: str, email: str, project: str) -> Founded:
    """Make what is missing of an organisation, its admin, a workspace, a project and its ingest key.

    Raises:
        NotAnAdminError: the organisation exists, and `email` is no admin of it.
    """
    org_id, user_id = await create_organization(owner_url, slug=slug, name=_name(slug), email=email)
    claims = Claims(user_id, org_id)
    async with sessions.open(claims) as session:
        workspace_id, project_id = await _project(session, claims, project)
        await projects.locked(session, org_id, project_id)
        missing = not await keys.has_one(session, org_id, project_id)
        key = (await keys.create(session, claims, project_id, "init"))[1] if missing else None
    return Founded(org_id, slug, user_id, workspace_id, project_id, key)


async def _project(session: AsyncSession, claims: Claims, name: str) -> tuple[UUID, UUID]:
    existing = await projects.named(session, claims.org_id, name)
    if existing:
        return existing[0].workspace_id, existing[0].id
    workspace_id = await workspaces.ensure(session, claims, WORKSPACE)
    made = await projects.create(session, claims, workspace_id, name=name, problem_statement=PROBLEM)
    if made:
        return workspace_id, made
    existing = await projects.named(session, claims.org_id, name)
    return existing[0].workspace_id, existing[0].id


def _name(slug: str) -> str:
    """Return a name to begin with, within its 3 to 100 characters."""
    return f"{slug.replace('-', ' ').title():_<3}"
