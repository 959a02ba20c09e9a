"""`augentis key create | list | revoke`: machine keys, as the organisation's first admin."""

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from cli.acting import Org, Rationale, acting, the_project
from cli.exits import CommandError
from settings import parse_duration
from storage import quotas
from storage.entities import keys as writing
from storage.errors import NotThereError
from storage.reading import keys
from storage.reading.keys import Wanted
from storage.tables import MachineKey

_LONGEST_NAME = 100
_LONGEST_LIFE = timedelta(days=3650)
_SHOWN = ("id", "project_id", "name", "scopes", "created_at", "expires_at", "last_used_at", "quota")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


class Scope(StrEnum):
    """What a key may do (`storage.tables.access.SCOPES`)."""

    PUBLISH = "publish"
    READ = "read"
    RUN = "run"


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Machine keys, for publishing to a project, reading it or running its agents: create, list, revoke.",
)


@app.command()
async def create(
    org: Org,
    project: Annotated[str, typer.Option(help="Name or id of the project that it is for.")],
    name: Annotated[str, typer.Option(help="What it is called, 1 to 100 characters.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be given several times.")],
    expires_in: Annotated[
        str | None, typer.Option(help="How long it is good: 12h, 90d, at most 3650d; by default for ever.")
    ] = None,
    quota: Annotated[
        str | None, typer.Option(help="Samples it may publish: 1000000/hour; a second, minute, hour or day.")
    ] = None,
    rationale: Rationale = None,
    *,
    json_: AsJson = False,
) -> None:
    """Make a machine key and print its text, which nobody can be told again."""
    if not 1 <= len(name) <= _LONGEST_NAME or not name.isprintable():
        raise typer.BadParameter("--name: 1 to 100 characters on one line")
    life = _life(expires_in)
    _check_quota(quota)
    async with acting(org, rationale=rationale) as (session, claims):
        found = await the_project(session, claims, project)
        key_id, text = await writing.create(
            session,
            claims,
            found.id,
            name,
            scopes=sorted({each.value for each in scope}),
            expires_at=datetime.now(UTC) + life if life else None,
            quota=quota,
        )
        made = await keys.one(session, claims.org_id, key_id)
    assert made  # noqa: S101  # we have just made it
    _print({**_row(made), "key": text}, as_json=json_)


def _life(expires_in: str | None) -> timedelta | None:
    if expires_in is None:
        return None
    try:
        life = parse_duration(expires_in)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"--expires-in: {error}") from None
    if not timedelta(seconds=1) <= life <= _LONGEST_LIFE:
        raise typer.BadParameter("--expires-in: from 1s to 3650d")
    return life


def _check_quota(quota: str | None) -> None:
    try:
        if quota is not None:
            quotas.parse(quota)
    except ValueError as error:
        raise typer.BadParameter(f"--quota: {error}") from None


@app.command("list")
async def list_(
    org: Org,
    project: Annotated[str | None, typer.Option(help="Name or id of the one project to list.")] = None,
    *,
    json_: AsJson = False,
) -> None:
    """List the machine keys that are not revoked, without their texts."""
    async with acting(org, read_only=True) as (session, claims):
        project_id = (await the_project(session, claims, project)).id if project else None
        found = [_row(key) for key in await keys.every(session, claims.org_id, Wanted(project_id))]
    if json_:
        print(json.dumps(found))
    else:
        print("  ".join(_SHOWN))
        for row in found:
            print("  ".join(_word(row[name]) for name in _SHOWN))


@app.command()
async def revoke(
    key_id: Annotated[UUID, typer.Argument(help="Id of the key, as `list` shows it.")],
    org: Org,
    rationale: Rationale = None,
) -> None:
    """Revoke a machine key: the API refuses it at once, workers within 30 seconds."""
    async with acting(org, rationale=rationale) as (session, claims):
        try:
            await writing.revoke(session, claims.org_id, key_id, None)
        except NotThereError:
            raise CommandError(f"{org} has no key {key_id}") from None


def _row(key: MachineKey) -> dict[str, Any]:
    return {name: _text(getattr(key, name)) for name in _SHOWN}


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _print(fields: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(fields))
    else:
        for name, value in fields.items():
            print(f"{name}  {_word(value)}")


def _word(value: object) -> str:
    if isinstance(value, list):
        return ",".join(value)
    return "-" if value is None else str(value)
