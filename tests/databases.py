"""PostgreSQL for tests: logins of the session's own on a server that may be shared, a database a test."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from migrations.roles import GROUPS, keep_temporary_from_the_api
from migrations.run import migrate_database
from settings import Settings
from storage.database import engine
from storage.tenancy import TenantSessions

SECRET = "a secret of 32 characters or more"
PG16 = 160000


@dataclass(frozen=True)
class Database:
    """One database and who may log in to it."""

    superuser_url: str
    owner_url: str
    api_url: str
    worker_url: str

    def named(self, name: str) -> "Database":
        urls = (self.superuser_url, self.owner_url, self.api_url, self.worker_url)
        return Database(*(urlunsplit(urlsplit(url)._replace(path=f"/{name}")) for url in urls))

    @property
    def name(self) -> str:
        return urlsplit(self.superuser_url).path.strip("/")

    def settings(self, home: Path, **more: Any) -> Settings:
        return Settings(
            database_url=self.owner_url,
            database_url_api=self.api_url,
            database_url_worker=self.worker_url,
            AUGENTIS_SECRET_KEY=SECRET,
            AUGENTIS_HOME=home,
            **more,
        )

    def environment(self, home: Path) -> dict[str, str]:
        """What a command of ours needs to work on this database."""
        return {
            "DATABASE_URL": self.owner_url,
            "DATABASE_URL_API": self.api_url,
            "DATABASE_URL_WORKER": self.worker_url,
            "AUGENTIS_SECRET_KEY": SECRET,
            "AUGENTIS_HOME": str(home),
        }

    @property
    def owner(self) -> str:
        return _user(self.owner_url)

    @property
    def logins(self) -> list[str]:
        return [_user(url) for url in (self.owner_url, self.api_url, self.worker_url)]

    @property
    def api(self) -> str:
        return _user(self.api_url)

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator[asyncpg.Connection]:
        async with _connection(self.superuser_url) as connection:
            yield connection

    @asynccontextmanager
    async def sessions(self) -> AsyncIterator[TenantSessions]:
        api = engine(self.api_url, pool_size=2)
        try:
            yield TenantSessions(api, SECRET)
        finally:
            await api.dispose()


def _user(url: str) -> str:
    return str(urlsplit(url).username)


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        yield connection
    finally:
        await connection.close()


def prepare(superuser_url: str) -> Database:
    """Make the session's owner role and an empty database of it; the other logins come with `migrate`."""
    token = secrets.token_hex(4)
    password = secrets.token_urlsafe(12)
    empty = Database(
        superuser_url,
        *(_as(superuser_url, f"test_{who}_{token}", password) for who in ("owner", "api", "worker")),
    )
    asyncio.run(_prepare(empty, password))
    return empty.named(f"test_{token}")


def _as(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{host}"))


async def _prepare(server: Database, password: str) -> None:
    owner = server.owner
    async with server.superuser() as connection:
        await connection.execute(
            f"CREATE ROLE {owner} LOGIN CREATEROLE CREATEDB NOSUPERUSER NOBYPASSRLS PASSWORD '{password}'"
        )


async def _hand_on_groups(connection: asyncpg.Connection, owner: str) -> None:
    """From 16 on, only who made a role may hand it on; on a shared server another owner made ours."""
    version = int(await connection.fetchval("SHOW server_version_num"))
    there = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY ($1)", list(GROUPS))
    for row in there if version >= PG16 else ():
        await connection.execute(f"GRANT {row[0]} TO {owner} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")


async def create(database: Database, template: str | None = None) -> None:
    cloned = f" TEMPLATE {template}" if template else ""
    async with database.named("postgres").superuser() as connection:
        await connection.execute(f"CREATE DATABASE {database.name} OWNER {database.owner}{cloned}")
        if template:
            await keep_temporary_from_the_api(connection, database.name)


async def drop(database: Database) -> None:
    async with database.named("postgres").superuser() as connection:
        await connection.execute(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")


async def migrated(database: Database, home: Path) -> None:
    """Make and migrate it; one process at a time, since roles are the whole server's."""
    async with database.named("postgres").superuser() as guard:
        await guard.execute("SELECT pg_advisory_lock(1)")
        await _hand_on_groups(guard, database.owner)
        await create(database)
        await migrate_database(database.settings(home))


async def remove_logins(database: Database) -> None:
    """Leave a shared server as it was; the groups stay, as `migrate` leaves them."""
    urls = (database.api_url, database.worker_url, database.owner_url)
    async with database.named("postgres").superuser() as connection:
        for name in map(_user, urls):
            with contextlib.suppress(asyncpg.UndefinedObjectError):
                await connection.execute(f"DROP OWNED BY {name}")
                await connection.execute(f"DROP ROLE {name}")


def clone_of(template: Database) -> Database:
    return replace(template).named(f"{template.name}_{secrets.token_hex(4)}")
