"""`augentis api | openapi`: the API as a process, and what it says of itself."""

import asyncio
import json
import logging
import signal
import socket
import sys
from typing import Annotated

import typer
import uvicorn

import settings
from api.app import application, create_app
from api.openapi import document
from cli.exits import CommandError
from settings import Settings
from storage.database import connection


def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.", min=0, max=65535)] = 8000,
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


def serve(configured: Settings, host: str, port: int) -> None:
    """Answer requests until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt); finish what is begun.

    Raises:
        DatabaseUnreachableError: PostgreSQL does not answer at the start.
        CommandError: the address is taken, or not of this machine.
    """
    app = create_app(configured)
    asyncio.run(_reach(configured))
    # uvicorn raises the signal again when it is done; asked to stop, we have.
    signal.signal(signal.SIGTERM, lambda *_: None)
    config = uvicorn.Config(
        app,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        # Left to itself uvicorn believes what anybody on this machine says of where they are.
        proxy_headers=configured.trusted_proxies is not None,
        forwarded_allow_ips=configured.trusted_proxies or "",
    )
    with listening(host, port) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens; the connections it accepts send at once.

    asyncio forgoes TCP_NODELAY for a socket handed to it. Head and body are two writes: with Nagle's
    algorithm the second waits for the client's delayed acknowledgement, 40 ms.

    Raises:
        CommandError: the address is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CommandError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


async def _reach(configured: Settings) -> None:
    async with connection(configured.need("database_url_api")):
        pass
