"""The API as a process."""

import asyncio
import signal
import socket

import uvicorn

from api.app import create_app
from cli.exits import CommandError
from settings import Settings
from storage.database import connection


def serve(settings: Settings, host: str, port: int) -> None:
    """Answer requests until SIGTERM (returns) or SIGINT (raises KeyboardInterrupt); finish what is begun.

    Raises:
        DatabaseUnreachableError: PostgreSQL does not answer at the start.
        CommandError: the address is taken, or not of this machine.
    """
    app = create_app(settings)
    asyncio.run(_reach(settings))
    # uvicorn raises the signal again when it is done; asked to stop, we have.
    signal.signal(signal.SIGTERM, lambda *_: None)
    config = uvicorn.Config(app, log_config=None, server_header=False, timeout_graceful_shutdown=10)
    with _listening(host, port) as listener:
        uvicorn.Server(config).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CommandError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error


async def _reach(settings: Settings) -> None:
    async with connection(settings.need("database_url_api")):
        pass
