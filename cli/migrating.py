"""`augentis migrate`: schema, roles and topics."""

import logging
import sys
from typing import Annotated

import typer

import settings
from cli.exits import Exit
from migrations.run import migrate_database, pending, signs_with
from migrations.topics import make_topics, pending_topics


async def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say what is to do; exit 1 if any.")] = False,
) -> None:
    """Bring schema, roles and topics up to date; running it again changes nothing."""
    # Its warnings repeat what the error says.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    configured = settings.load()
    found = await _pending_in_database(configured)
    if check:
        found += [f"topic {topic} is missing" for topic in await pending_topics(configured)]
        print("\n".join(found) or "nothing is pending")
        raise typer.Exit(Exit.NO if found else Exit.DONE)
    await migrate_database(configured)
    print("\n".join(f"settled: {line}" for line in found) or "the database was up to date")
    await _make_topics(configured)


async def _make_topics(configured: settings.Settings) -> None:
    topics, differences = await make_topics(configured)
    print("\n".join(f"made topic {topic}" for topic in topics) or "the topics were there")
    for difference in differences:
        print(difference, file=sys.stderr)


async def _pending_in_database(configured: settings.Settings) -> list[str]:
    url = configured.need("database_url")
    found = [f"migration {revision} is pending" for revision in await pending(url)]
    if not found and not await signs_with(url, configured.need("secret_key")):
        found.append("the database checks claims with another secret than AUGENTIS_SECRET_KEY")
    return found
