"""Does the database keep tenants apart, as this process sees it? Asked by `/readyz` as the API's role."""

import json
import time
from collections.abc import AsyncIterator
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from storage.secrets import claims_signature
from storage.tables import Base
from storage.tenancy import LIFE_SECONDS, TenantSessions

_MIGHTY = text("SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
_OPEN_TABLES = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND relname <> 'alembic_version' AND NOT (relrowsecurity AND relforcerowsecurity) ORDER BY relname"
)
_READABLE = text(
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
    " AND relname = ANY (:tables) AND has_table_privilege(oid, 'SELECT') ORDER BY relname"
)
_SET = text(
    "SELECT set_config('request.jwt.claims', :claims, true),"
    " set_config('request.jwt.signature', :signature, true)"
)


_TEMPORARY = text("SELECT has_database_privilege(current_database(), 'TEMPORARY')")


async def revisions(sessions: TenantSessions) -> set[str]:
    """Return the migrations that the database stands at; none before the first."""
    async with AsyncSession(sessions.engine) as session:
        if (await session.scalars(text("SELECT to_regclass('public.alembic_version')"))).one() is None:
            return set()
        return set((await session.scalars(text("SELECT version_num FROM alembic_version"))).all())


async def isolation_faults(sessions: TenantSessions) -> list[str]:
    """Return a line for each way in which tenants are not kept apart; none is what is hoped for."""
    faults: list[str] = []
    async with AsyncSession(sessions.engine) as session, session.begin():
        await session.execute(text("SET TRANSACTION READ ONLY"))
        if (await session.scalars(_MIGHTY)).one():
            faults.append("the API's role is a superuser, makes roles or bypasses row security")
        if (await session.scalars(_TEMPORARY)).one():
            faults.append("the API's role may make temporary objects, which its next request would find")
        faults.extend(
            f"table {table} does not force row security"
            for table in (await session.scalars(_OPEN_TABLES)).all()
        )
        faults.extend(await _seen_by_nobody(session))
        faults.extend([fault async for fault in _signatures(session, sessions.secret)])
    return faults


async def _seen_by_nobody(session: AsyncSession) -> list[str]:
    """Without claims no row may be seen; asked of every table that the role may read at all."""
    names = [table.name for table in Base.metadata.sorted_tables]
    readable = (await session.scalars(_READABLE, {"tables": names})).all()
    probes = " UNION ALL ".join(_probe(name) for name in readable)
    seen = (await session.scalars(text(probes))).all() if readable else []
    return [f"table {name} shows rows to a session without claims" for name in seen]


def _probe(table: str) -> str:
    return f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})"  # names of our own tables


async def _signatures(session: AsyncSession, secret: str) -> AsyncIterator[str]:
    stranger = str(uuid4())
    claims = json.dumps({"sub": stranger, "org_id": str(uuid4()), "db_exp": time.time() + LIFE_SECONDS})
    for signature, expected, fault in (
        (claims_signature(secret, claims), stranger, "the database checks claims with another secret"),
        ("0" * 64, None, "the database believes claims with a wrong signature"),
    ):
        await session.execute(_SET, {"claims": claims, "signature": signature})
        uid = (await session.scalars(text("SELECT CAST(auth.uid() AS text)"))).one()
        if uid != expected:
            yield fault
