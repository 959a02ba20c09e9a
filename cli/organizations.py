"""`augentis org`: what only the operator may do to an organisation."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

import settings
from cli.acting import Rationale
from cli.exits import AnswerIsNo, CommandError
from cli.leaving.export import Tally, export
from cli.leaving.verify import verify
from cli.progress import Reading, shown
from settings import parse_duration
from storage import deletion
from storage.entities.operator import set_tier
from storage.operating import Named, Operator, operator
from storage.tenancy import About, explained

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What only the operator may do to an organisation.",
)

Org = Annotated[str, typer.Option(help="Slug or id of the organisation.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.callback()
def org() -> None:
    """Set an organisation's tier, take all of it out, delete it."""


@app.command()
async def tier(
    org: Org,
    tier: Annotated[Literal["BASIC", "PRO", "ENTERPRISE"], typer.Option(help="What it may from now on.")],
    rationale: Rationale = None,
) -> None:
    """Give an organisation a subscription tier: 3, 20, or any number of projects.

    What is there stays: a lower tier only stops what would be new.
    """
    configured = settings.load()
    said = explained(configured.need("secret_key"), About(rationale), time.time())
    if await set_tier(configured.need("database_url"), org, tier, said) is None:
        raise CommandError(f"there is no organisation {org!r}")


@app.command("export")
async def export_(
    org: Org,
    out: Annotated[Path, typer.Option(help="Directory to make, or file that ends in .tar.gz.")],
    *,
    json_: AsJson = False,
) -> None:
    """Write everything of an organisation as lines of JSON, a file a table, all of one moment.

    What is kept secret stays (hashes of keys, sealed answers). `augentis org verify` checks the files.
    """
    tally = Tally()
    async with _named(org) as (acting, named):
        if named.deleted_at:
            raise CommandError(f"the organisation {org!r} was deleted: nothing is left to export")
        async with shown(lambda: Reading(0, None, tally.words())):
            manifest = await export(acting, named, out, tally)
    print(json.dumps(manifest) if json_ else f"exported {manifest['rows']} rows to {out}")


@app.command("verify")
def verify_(
    path: Annotated[Path, typer.Argument(help="Directory or .tar.gz of an export.")], *, json_: AsJson = False
) -> None:
    """Compare the files of an export with its manifest: rows, length and SHA-256 of each."""
    manifest, differences = verify(path)
    if json_:
        print(json.dumps({"ok": not differences, "differences": differences, "rows": manifest["rows"]}))
    if differences:
        raise AnswerIsNo("; ".join(differences))
    if not json_:
        print(f"{len(manifest['files'])} files, {manifest['rows']} rows: all as the manifest says")


@app.command()
async def delete(
    org: Org,
    *,
    settle: Annotated[
        str, typer.Option(help="How long workers get to notice that it is closed; 0s where none is up.")
    ] = "60s",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the slug.")] = False,
    rationale: Rationale = None,
    json_: AsJson = False,
) -> None:
    """Delete an organisation and everything of it, for ever; people who are of no other are erased.

    Killed in the middle, run again, it goes on. What apps go on sending becomes dead letters.
    """
    patience = _duration(settle)
    async with _named(org, rationale) as (acting, named):
        rows = await deletion.counts(acting, named.org_id)
        topics = await deletion.topics(acting, named.org_id)
        if not json_:
            _say(rows)
        if not dry_run:
            _ask(named, yes=yes)
            people = await _delete(acting, named, patience)
    told = {"org_id": str(named.org_id), "rows": rows, "topics": topics}
    if json_:
        print(json.dumps(told if dry_run else {**told, "erased_people": people}))
    elif not dry_run:
        print(f"deleted organisation {named.org_id}; {people} people erased")
        for topic in topics:
            print(f"Kafka still has the topic {topic}, which was its own: delete it there")


async def _delete(acting: Operator, named: Named, patience: timedelta) -> int:
    if not await deletion.alone(acting, named.org_id):
        raise CommandError("the organisation is being deleted already, by another command")
    people, gone = 0, 0
    words = "closing"
    async with shown(lambda: Reading(0, None, f"{gone:,} rows deleted; {words}")):
        if not named.deleted_at:
            closed_at = await deletion.close(acting, named.org_id)
            people = await deletion.erase_lonely(acting, named.org_id)
            words = "waiting for workers to notice"
            await asyncio.sleep((closed_at + patience - datetime.now(UTC)).total_seconds())
            async for step in deletion.delete(acting, named.org_id):
                gone, words = gone + step.rows, step.table
        async for step in deletion.delete_log(acting, named.org_id):
            gone, words = gone + step.rows, step.table
    return people


def _ask(named: Named, *, yes: bool) -> None:
    if yes or named.closed_at:
        return
    typed = typer.prompt(f"This cannot be undone. Type the slug ({named.slug}) to delete it", err=True)
    if typed.strip() != named.slug:
        raise CommandError("that is not its slug: nothing was deleted")


def _say(rows: dict[str, int]) -> None:
    for table, count in sorted(rows.items()):
        if count:
            print(f"{table}  {count}")


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(f"--settle: {error}") from None


@asynccontextmanager
async def _named(org: str, rationale: str | None = None) -> AsyncIterator[tuple[Operator, Named]]:
    """Yield the operator and the organisation.

    Raises:
        CommandError: there is no such organisation.
        DatabaseUnreachableError: PostgreSQL does not answer, or not to DATABASE_URL's login.
    """
    configured = settings.load()
    url, secret = configured.need("database_url"), configured.need("secret_key")
    async with operator(url, secret, About(rationale)) as acting:
        named = await acting.organization(org)
        if named is None:
            raise CommandError(f"there is no organisation {org!r}")
        yield acting, named
