"""`augentis migrate | api | worker | relay | openapi`: what a deployment starts."""

import json
import logging
import sys
from importlib import import_module
from typing import Annotated

import typer

import settings
from api.app import application
from api.openapi import document
from cli.exits import Exit
from cli.serving import serve
from migrations.run import migrate_database, pending, signs_with
from migrations.topics import make_topics, pending_topics


async def migrate(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing: exit 1 if anything is to do.")
    ] = False,
) -> None:
    """Bring schema, roles and topics up to date; running it again changes nothing."""
    # Its warnings repeat what the error says.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    configured = settings.load()
    if check:
        missing = await _missing(configured)
        print("\n".join(missing) or "nothing is pending")
        raise typer.Exit(Exit.NO if missing else Exit.DONE)
    await _migrate(configured)


async def _migrate(configured: settings.Settings) -> None:
    revisions = await _pending(configured)
    await migrate_database(configured)
    for revision in revisions:
        print(f"migrated to {revision}")
    topics, differences = await make_topics(configured)
    for topic in topics:
        print(f"made topic {topic}")
    for difference in differences:
        print(difference, file=sys.stderr)
    if not revisions and not topics:
        print("nothing was pending")


async def _missing(configured: settings.Settings) -> list[str]:
    revisions = await _pending(configured)
    found = [f"migration {revision} is pending" for revision in revisions]
    if not revisions and not await signs_with(configured.need("database_url"), configured.need("secret_key")):
        found.append("the database checks claims with another secret than AUGENTIS_SECRET_KEY")
    return [*found, *(f"topic {topic} is missing" for topic in await pending_topics(configured))]


async def _pending(configured: settings.Settings) -> list[str]:
    return await pending(configured.need("database_url"))


def worker(
    name: Annotated[
        str | None,
        typer.Option(help="Stable name of this worker in its fleet; a restart under it disturbs no other."),
    ] = None,
) -> None:
    """Run a worker: ingest raw samples, close hours, detect divergences."""
    run = import_module("streams.worker").run
    raise typer.Exit(run(settings.load(), name))


def relay() -> None:
    """Run the relay: what waits in the outbox goes to Kafka and to webhooks."""
    run = import_module("streams.relay").run
    raise typer.Exit(run(settings.load()))


def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
) -> None:
    """Run the HTTP API until it is told to stop."""
    configured = settings.load()
    logging.basicConfig(
        level=configured.log_level.upper(), stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s"
    )
    serve(configured, host, port)


def openapi() -> None:
    """Print the API's OpenAPI document; needs no settings."""
    print(json.dumps(document(application()), indent=2, ensure_ascii=False))
