"""`augentis init | apply | token`: what an operator does for an organisation."""

import json
import re
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from pydantic import EmailStr, TypeAdapter, ValidationError

import settings
from api.auth.development import mint
from cli.acting import Rationale
from cli.applying.file import ApplyFile, read_file
from cli.applying.mistakes import FileMistakesError
from cli.applying.run import AppliedProject, apply_file
from cli.applying.summary import report, warn
from cli.exits import CommandError
from cli.sessions import tenant_sessions
from settings import Settings, parse_duration
from storage.entities import workspaces
from storage.entities.founding import Founded, found
from storage.entities.operator import Member, find_member
from storage.tenancy import About, Claims

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_LONGEST_SLUG = 63
_LONGEST_LIFE = 30 * 86400.0


async def init(
    org: Annotated[str, typer.Option(help="Slug of the organisation: a-z, 0-9 and single hyphens.")],
    admin: Annotated[str, typer.Option(help="E-mail address of its first admin.")],
    project: Annotated[str, typer.Option(help="Name of its first project, 3 to 100 characters.")],
    *,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make an organisation with an admin, a workspace, a project and its ingest key.

    Running it twice changes nothing; the key's secret is printed only when it is made.
    """
    _check_names(org, admin, project)
    configured = settings.load()
    async with tenant_sessions(configured) as sessions:
        founded = await found(
            configured.need("database_url"), sessions, slug=org, email=admin, project=project
        )
    if founded.ingest_key is None:
        print("augentis init: the ingest key was made earlier; its text is shown only once", file=sys.stderr)
    _print(founded, as_json=json_)


def _check_names(org: str, admin: str, project: str) -> None:
    if len(org) > _LONGEST_SLUG or not _SLUG.fullmatch(org):
        raise typer.BadParameter(
            f"--org: {org!r} is no slug: up to {_LONGEST_SLUG} of a-z and 0-9, with single hyphens between"
        )
    try:
        TypeAdapter(EmailStr).validate_python(admin)
    except ValidationError as error:
        raise typer.BadParameter(
            f"--admin: {admin!r} is no e-mail address: {error.errors()[0]['msg']}"
        ) from None
    if not 3 <= len(project) <= 100 or not project.isprintable():  # noqa: PLR2004  # the specification's
        raise typer.BadParameter("--project: 3 to 100 characters on one line")


def _print(founded: Founded, *, as_json: bool) -> None:
    fields = {name: value if value is None else str(value) for name, value in asdict(founded).items()}
    if as_json:
        print(json.dumps(fields))
    else:
        for name, value in fields.items():
            print(f"{name}  {value or '(made earlier)'}")


async def token(
    user: Annotated[str, typer.Option(help="E-mail address or id of a member.")],
    org: Annotated[str, typer.Option(help="Slug or id of the organisation.")],
    workspace: Annotated[UUID | None, typer.Option(help="Id of the one workspace it is good for.")] = None,
    ttl: Annotated[str, typer.Option(help="How long it is good: 30s, 10m, 1h, at most 30d.")] = "1h",
) -> None:
    """Print a development token for the API, and nothing else; refused where a real issuer is configured."""
    try:
        life = parse_duration(ttl).total_seconds()
    except ValueError as error:
        raise typer.BadParameter(f"--ttl: {error}") from None
    if not 1 <= life <= _LONGEST_LIFE:
        raise typer.BadParameter("--ttl: from 1s to 30d")
    configured = settings.load()
    if configured.jwt_issuer:
        raise CommandError(
            f"AUGENTIS_JWT_ISSUER is {configured.jwt_issuer}: ask it for a token; "
            "development tokens are for machines without an issuer"
        )
    print(await _token(configured, user, org, workspace, int(life)))


async def _token(configured: Settings, user: str, org: str, workspace: UUID | None, life: int) -> str:
    member = await find_member(configured.need("database_url"), org, user)
    if member is None:
        raise CommandError(f"{user} is no member of an organisation {org}")
    if workspace and not await _is_of(configured, member, workspace):
        raise CommandError(f"{workspace} is no workspace of {org}")
    return mint(
        configured,
        user_id=member.user_id,
        org_id=member.org_id,
        workspace_id=workspace,
        described={"email": member.email, "role": member.role_in_org},
        issued_at=int(time.time()),
        life_seconds=life,
    )


async def _is_of(configured: Settings, member: Member, workspace: UUID) -> bool:
    async with (
        tenant_sessions(configured) as sessions,
        sessions.open(Claims(member.user_id, member.org_id), read_only=True) as session,
    ):
        return await workspaces.exists(session, member.org_id, workspace)


async def apply(
    file: Annotated[Path, typer.Argument(help="YAML file of projects and artifacts (docs/apply.md).")],
    rationale: Rationale = None,
    *,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Bring projects, artifacts and assumptions in line with a file; running it twice changes nothing.

    Acts as the organisation's first admin. The whole file is applied, or nothing of it.
    """
    try:
        content = read_file(file)
        claims, applied = await _apply(settings.load(), content, rationale)
    except FileMistakesError as error:
        for mistake in error.mistakes:
            print(f"{file}: {mistake}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from error
    report(claims.org_id, applied, as_json=json_)
    warn(content, applied)


async def _apply(
    configured: Settings, content: ApplyFile, rationale: str | None
) -> tuple[Claims, list[AppliedProject]]:
    admin = await find_member(configured.need("database_url"), content.org)
    if admin is None:
        raise FileMistakesError([f"org: no organisation {content.org!r} (`augentis init` makes one)"])
    claims = Claims(admin.user_id, admin.org_id)
    async with (
        tenant_sessions(configured) as sessions,
        sessions.open(claims, about=About(rationale)) as session,
    ):
        return claims, await apply_file(session, claims, content, datetime.now(UTC))
