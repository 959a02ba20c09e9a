"""`augentis alert preview | told`: what a channel would get of a report, and who knows of it."""

import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

import settings
from cli.acting import Org, acting
from cli.alerting import reading
from cli.alerting.channels import Channel, Shown, shown
from cli.alerting.told import who_knows
from cli.exits import CommandError
from streams.alerting.content import Kind
from streams.alerting.places import Places


class Event(StrEnum):
    """What can be previewed of a report."""

    DETECTED = Kind.DETECTED
    RECLASSIFIED = Kind.RECLASSIFIED
    RESOLVED = Kind.RESOLVED
    REMINDER = Kind.REMINDER
    STORM = Kind.STORM


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Alerts: preview what each channel gets, and see which were told of a report.",
)
app.command("told")(who_knows)


@app.callback()
def alert() -> None:
    """Say what an alert says."""


@app.command()
async def preview(
    report: Annotated[UUID, typer.Argument(help="Id of a divergence report.")],
    *,
    org: Org,
    channel: Annotated[Channel, typer.Option(help="Whose form.")] = Channel.TEXT,
    event: Annotated[
        Event | None,
        typer.Option(help="What is told; by default resolved or detected, as the report stands."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write it here, and its chart beside it as PNG, not to stdout.")
    ] = None,
) -> None:
    """Print what a channel would get of a stored report; nothing is sent.

    JSON is printed on many lines; --out writes exactly the bytes that are sent.

    A storm is told of all open reports of the organisation. An open report can be previewed as resolved: as
    if production kept the assumption again from now on.
    """
    if out and out.suffix == ".png":
        raise typer.BadParameter("--out: the chart is written beside it as .png; name the message otherwise")
    base = settings.load().public_url
    places = Places(str(base).rstrip("/") if base else None)
    now = datetime.now(UTC)
    async with acting(org, read_only=True) as (session, claims):
        found = await reading.told(
            session, claims.org_id, report, Kind(event) if event else None, places, now
        )
    if found is None:
        raise CommandError(f"the organisation has no report {str(report)!r}, or no cascade of it")
    _deliver(shown(channel, found, places), out)


def _deliver(preview: Shown, out: Path | None) -> None:
    for hint in preview.hints:
        print(hint, file=sys.stderr)
    if out is None:
        sys.stdout.write(preview.laid_out)
        return
    try:
        out.write_bytes(preview.body)
        if preview.png:
            out.with_suffix(".png").write_bytes(preview.png)
    except OSError as error:
        raise CommandError(f"--out: {error}") from None
