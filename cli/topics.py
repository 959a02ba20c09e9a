"""`augentis topic bind | unbind | list`: topics that are one project's, for the operator."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated

import asyncpg
import typer

import settings
from cli.exits import AnswerIsNo, CommandError
from migrations import topics
from storage import bindings, database

Topic = Annotated[str, typer.Argument(help="Its name: that of an in-topic, a dot, and what you like.")]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Topics bound to one project, which need no ingest key: bind, unbind, list.",
)


@app.command()
async def bind(
    topic: Topic,
    org: Annotated[str, typer.Option(help="Slug or id of the organisation.")],
    project: Annotated[str, typer.Option(help="Name or id of the project.")],
) -> None:
    """Bind a topic to a project, making it if it is not there; workers read it within a minute."""
    if not topics.may_be_bound(topic):
        raise typer.BadParameter(
            f"{topic!r}: write {', '.join(f'{name}.NAME' for name in topics.IN_TOPICS)}, where NAME has"
            " letters, digits, '.', '_' and '-' and does not end in dlq or parked"
        )
    async with _connected() as connection:
        found = await bindings.projects_named(connection, org, project)
        if len(found) != 1:
            raise CommandError(f"{len(found)} projects are {project!r} of the organisation {org!r}")
        await topics.make_topic(settings.load(), topic)
        if not await bindings.bind(connection, topic, found[0]):
            raise AnswerIsNo(f"topic {topic} is or was another project's: what stands in it is theirs")


@app.command()
async def unbind(topic: Topic) -> None:
    """End a binding. What stands in the topic unread is not counted, until it is bound again."""
    async with _connected() as connection:
        if not await bindings.unbind(connection, topic):
            raise AnswerIsNo(f"topic {topic} is bound to no project")


@app.command("list")
async def list_(
    *, json_: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False
) -> None:
    """List the topics that are bound, and those that were."""
    async with _connected() as connection:
        found = await bindings.every(connection)
    if json_:
        print(json.dumps([asdict(each) for each in found], default=str))
        return
    print("topic  org_id  project_id  bound_at  unbound_at")
    for each in found:
        print(
            "  ".join(
                str(value or "-")
                for value in (each.topic, each.org_id, each.project_id, each.bound_at, each.unbound_at)
            )
        )


@asynccontextmanager
async def _connected() -> AsyncIterator[asyncpg.Connection]:
    async with database.connection(settings.load().need("database_url_worker")) as connection:
        yield connection
