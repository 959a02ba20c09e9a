"""`augentis org`: what only the operator may do to an organisation."""

from typing import Annotated, Literal

import typer

import settings
from cli.exits import CommandError
from storage.entities.operator import set_tier

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What only the operator may do to an organisation.",
)


@app.callback()
def org() -> None:
    """Set an organisation's tier."""


@app.command()
async def tier(
    org: Annotated[str, typer.Option(help="Slug or id of the organisation.")],
    tier: Annotated[Literal["BASIC", "PRO", "ENTERPRISE"], typer.Option(help="What it may from now on.")],
) -> None:
    """Give an organisation a subscription tier: 3, 20, or any number of projects.

    What is there stays: a lower tier only stops what would be new.
    """
    if await set_tier(settings.load().need("database_url"), org, tier) is None:
        raise CommandError(f"there is no organisation {org!r}")
