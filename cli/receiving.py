"""`augentis receiver`: OTLP and raw samples over HTTP, to Kafka."""

import signal
from typing import Annotated

import typer

import settings
from cli.serving import listening
from streams import receiver as receivers


def receiver(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.", min=0, max=65535)] = 4318,
) -> None:
    """Run the receiver until it is told to stop: OTLP/HTTP at /v1/metrics, raw samples at /v1/samples."""
    configured = settings.load()
    # uvicorn raises the signal again when it is done; asked to stop, we have.
    signal.signal(signal.SIGTERM, lambda *_: None)
    with listening(host, port) as listener:
        receivers.run(configured, listener)
