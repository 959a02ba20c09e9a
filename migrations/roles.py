"""The roles of the database: groups that policies name, and a login each for API and worker.

Roles belong to the cluster and outlive a schema; so they are made here, before the migrations, and
never dropped by them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import unquote, urlsplit

import asyncpg

from settings import Settings, SettingsError

DEFINERS = (
    "augentis_member_reader",
    "augentis_operator",
    "augentis_registrar",
    "augentis_keeper",
    "augentis_auditor",
    "augentis_messenger",
    "augentis_gatekeeper",
    "augentis_redactor",
    "augentis_archivist",
    "augentis_eraser",
    "augentis_assessor",
    "augentis_dispatcher",
    "augentis_chronicler",
    "augentis_postmaster",
    "augentis_herald",
)
"""Whose SECURITY DEFINER functions are; the keeper's are also the tables that are partitioned."""
GROUPS = ("augentis_api", "augentis_worker", *DEFINERS)
ATTRIBUTES = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"


async def ensure_roles(connection: asyncpg.Connection, settings: Settings) -> None:
    """Make what is missing; change no role that is there.

    Raises:
        SettingsError: a login is the owner's own or may pass over row security, or the owner may not make
            roles.
    """
    owner = await connection.fetchval("SELECT current_user")
    try:
        for group in GROUPS:
            await _ensure(connection, group, f"NOLOGIN {ATTRIBUTES}")
        for group, setting in (
            ("augentis_api", "database_url_api"),
            ("augentis_worker", "database_url_worker"),
        ):
            login, password = _login(settings.need(setting))
            if login == owner:
                raise SettingsError(f"{setting.upper()} must be a role of its own, not the owner's ({owner})")
            await _ensure(connection, login, f"LOGIN {ATTRIBUTES} PASSWORD {_quoted(password)}")
            await _refuse_mighty(connection, login, setting)
            if not await connection.fetchval("SELECT pg_has_role($1, $2, 'MEMBER')", login, group):
                await connection.execute(f"GRANT {group} TO {_identifier(login)}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise SettingsError(
            f"the owner {owner} of DATABASE_URL may not make roles ({error}); give it CREATEROLE, or make "
            f"these by hand: {', '.join(GROUPS)} (NOLOGIN) and a login each for API and worker"
        ) from error


@asynccontextmanager
async def owning_definers(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Let the owner hand functions to the definer roles, and only while it migrates.

    A lasting membership would make their policies the owner's, and the owner see every tenant.
    """
    for definer in DEFINERS:
        await connection.execute(f"GRANT {definer} TO CURRENT_USER")
    try:
        yield
    finally:
        for definer in DEFINERS:
            await connection.execute(f"REVOKE {definer} FROM CURRENT_USER")


async def keep_temporary_from_the_api(connection: asyncpg.Connection, database: str) -> None:
    """Leave temporary objects to the worker, which copies into them.

    pg_temp is searched before every schema, and a pooled connection keeps what is in it: a temporary
    view `project` of one request would read the next one's rows. Rights on a database are not copied
    with it: this is no migration's, but done at every `migrate`.

    Raises:
        SettingsError: the owner may not say so of this database.
    """
    name = _identifier(database)
    statements = (
        f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC",
        f"GRANT TEMPORARY ON DATABASE {name} TO augentis_worker",
    )
    # What somebody else has done already need not be the owner's to do.
    with suppress(asyncpg.InsufficientPrivilegeError):
        for statement in statements:
            await connection.execute(statement)
    who_may = """SELECT rolname FROM pg_roles WHERE rolname IN ('augentis_api', 'augentis_worker')
                 AND has_database_privilege(oid, $1, 'TEMPORARY')"""
    if [row[0] for row in await connection.fetch(who_may, database)] != ["augentis_worker"]:
        raise SettingsError(f"DATABASE_URL's role does not own the database: {'; '.join(statements)}")


async def _ensure(connection: asyncpg.Connection, role: str, definition: str) -> None:
    if await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = $1", role):
        return
    await connection.execute(f"CREATE ROLE {_identifier(role)} {definition}")


async def _refuse_mighty(connection: asyncpg.Connection, login: str, setting: str) -> None:
    mighty = await connection.fetchval(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = $1", login
    )
    if mighty:
        raise SettingsError(
            f"{setting.upper()}: the role {login} is a superuser, makes roles or bypasses row security; "
            "name an ordinary one"
        )


def _login(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not parts.username or not parts.password:
        raise SettingsError("DATABASE_URL_API and DATABASE_URL_WORKER need a user and a password each")
    return unquote(parts.username), unquote(parts.password)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
