"""PostgreSQL of the embedded stack: durable, TCP on loopback only, passwords for everyone."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from cli.stack import children
from cli.stack.account import Account, prepare
from cli.stack.children import Command
from cli.stack.layout import Layout, Memory

_SUPERUSER = "postgres"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


class Postgres:
    """The database server as the supervisor keeps it (`cli.stack.supervisor.Part`)."""

    name = "postgres"
    gently = signal.SIGINT  # a fast shutdown: sessions are ended, nothing has to be recovered

    def __init__(self, layout: Layout, memory: Memory) -> None:
        self._layout = layout
        self._memory = memory
        self._account = prepare(layout)

    @property
    def address(self) -> str:
        """The owner's database URL."""
        return self._memory.owner_url

    async def prepare(self, progress: Callable[[str], None]) -> None:
        """Make the cluster, unless it is there."""
        del progress  # it takes a second or two
        if not (self._account.data / "PG_VERSION").exists():
            with _password_file(self._memory.superuser_password, self._account) as password_file:
                await children.complete(self._initdb(password_file), self._layout.log(self.name))

    def command(self) -> Command:
        """Return how the server is started."""
        options = _OPTIONS | {"port": str(self._memory.postgres_port)}
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        # At our death an immediate shutdown: the postmaster then kills every session's process too.
        return self._command(["postgres", "-D", str(self._account.data), *settings], signal.SIGQUIT)

    async def is_ready(self) -> bool:
        """Return whether clients can work; makes owner and database when it first can."""
        try:
            connection = await self._connect()
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
            return False
        try:
            await _bootstrap(connection, self._memory.owner_password)
        finally:
            await connection.close()
        return True

    async def _connect(self) -> "asyncpg.Connection[asyncpg.Record]":
        return await asyncpg.connect(
            host="127.0.0.1",
            port=self._memory.postgres_port,
            user=_SUPERUSER,
            password=self._memory.superuser_password,
            database="postgres",
            timeout=5,
            ssl=False,
        )

    def _initdb(self, password_file: Path) -> Command:
        arguments = [
            "initdb",
            f"--pgdata={self._account.data}",
            f"--username={_SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            # Sorts and folds case the same on every system, whatever its locales.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ]
        return self._command(arguments, signal.SIGKILL)

    def _command(self, arguments: list[str], fatal: signal.Signals) -> Command:
        return Command(
            [self._account.programs / arguments[0], *arguments[1:]],
            directory=self._account.data,
            user=self._account.user,
            # PGHOST, PGDATA and their like of the caller are about another server.
            environment={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            fatal=fatal,
        )


async def _bootstrap(connection: "asyncpg.Connection[asyncpg.Record]", password: str) -> None:
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = 'augentis_owner'"):
        await connection.execute(
            "CREATE ROLE augentis_owner LOGIN CREATEROLE CREATEDB NOSUPERUSER NOBYPASSRLS "
            f"PASSWORD '{password}'"  # DDL takes no parameters; our alphabet has no quote
        )
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = 'augentis'"):
        await connection.execute("CREATE DATABASE augentis OWNER augentis_owner")


@contextmanager
def _password_file(password: str, account: Account) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile("w", dir=account.data.parent, prefix=".pw-") as file:
        file.write(password)
        file.flush()
        if account.user is not None:
            shutil.chown(file.name, account.user)
        yield Path(file.name)
