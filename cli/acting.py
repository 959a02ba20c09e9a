"""What commands do in an organisation's name: as its first admin, in the API's role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

import settings
from cli.exits import CommandError
from cli.sessions import tenant_sessions
from storage.entities import projects
from storage.entities.operator import find_member
from storage.reading import projects as reading
from storage.tables import Project
from storage.tenancy import About, Claims

Org = Annotated[str, typer.Option(help="Slug or id of the organisation.")]
_LONGEST_RATIONALE = 1000


def _checked(rationale: str | None) -> str | None:
    if rationale is not None and ("\0" in rationale or len(rationale) > _LONGEST_RATIONALE):
        raise typer.BadParameter(f"--rationale: at most {_LONGEST_RATIONALE} characters")
    return rationale


Rationale = Annotated[
    str | None, typer.Option(help="Why: it stands in the audit log beside the change.", callback=_checked)
]


@asynccontextmanager
async def acting(
    org: str, *, read_only: bool = False, rationale: str | None = None
) -> AsyncIterator[tuple[AsyncSession, Claims]]:
    """Yield a session of the organisation's first admin, in one transaction, and the claims.

    Raises:
        CommandError: there is no such organisation.
        DatabaseUnreachableError: PostgreSQL does not answer, or not to DATABASE_URL_API's login.
    """
    configured = settings.load()
    admin = await find_member(configured.need("database_url"), org)
    if admin is None:
        raise CommandError(f"there is no organisation {org!r} (`augentis init` makes one)")
    claims = Claims(admin.user_id, admin.org_id)
    async with (
        tenant_sessions(configured) as sessions,
        sessions.open(claims, read_only=read_only, about=About(rationale)) as session,
    ):
        yield session, claims


async def the_project(session: AsyncSession, claims: Claims, named: str) -> Project:
    """Return the project of this name or id.

    Raises:
        CommandError: there is none, or several have the name.
    """
    try:
        by_id = await reading.one(session, claims.org_id, UUID(named))
        found = [by_id] if by_id else []
    except ValueError:
        found = list(await projects.named(session, claims.org_id, named))
    if not found:
        raise CommandError(f"the organisation has no project {named!r}")
    if len(found) > 1:
        ids = ", ".join(str(project.id) for project in found)
        raise CommandError(f"{len(found)} projects are called {named!r}: name one by its id ({ids})")
    return found[0]
