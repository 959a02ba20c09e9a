"""`augentis user erase`: a person made nobody, for the operator."""

import json
from typing import Annotated

import asyncpg
import typer

import settings
from cli.acting import Rationale
from cli.exits import CommandError
from storage.operating import operator
from storage.tenancy import About, Erasure

_LAST_ADMIN = "AG002"

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What is done to one person: erase.",
)


@app.callback()
def user() -> None:
    """Erase a person."""


@app.command()
async def erase(
    person: Annotated[str, typer.Argument(help="E-mail address or id.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for the address.")] = False,
    rationale: Rationale = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Make a person nobody, in all organisations: name, address and sign-in are gone, memberships end.

    What they wrote and decided stays, as a pseudonym's; so do machine keys that they made. Refused for the
    last ADMIN of an organisation.
    """
    configured = settings.load()
    url, secret = configured.need("database_url"), configured.need("secret_key")
    async with operator(url, secret, About(rationale)) as acting:
        found = await acting.user(person)
        if found is None:
            raise CommandError(f"there is no user {person!r}")
        user_id, address = found
        if not yes:
            _ask(address)
        try:
            await acting.erase(Erasure(user_id))
        except asyncpg.PostgresError as error:
            if error.sqlstate != _LAST_ADMIN:
                raise
            raise CommandError(f"{error}: make somebody else ADMIN, or delete the organisation") from None
    print(json.dumps({"user_id": str(user_id)}) if json_ else f"erased {user_id}")


def _ask(address: str) -> None:
    typed = typer.prompt(f"This cannot be undone. Type the address ({address}) to erase the person", err=True)
    if typed.strip().lower() != address.lower():
        raise CommandError("that is not the address: nobody was erased")
