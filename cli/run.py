"""`augentis worker | relay`: the processes that move data."""

from typing import Annotated

import typer

import settings
from streams import relay as relays
from streams import worker as workers


def worker(
    name: Annotated[
        str | None,
        typer.Option(help="Stable name of this worker in its fleet; a restart under it disturbs no other."),
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics here; by default as AUGENTIS_METRICS_PORT says.")
    ] = None,
) -> None:
    """Run a worker: ingest raw samples, close hours, detect divergences."""
    raise typer.Exit(workers.run(settings.load(), name, metrics_port))


def relay() -> None:
    """Run the relay: what waits goes to Kafka and the webhook; teams are told in their channels."""
    raise typer.Exit(relays.run(settings.load()))
