from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from settings import Settings
from storage.database import engine, told_apart
from storage.tenancy import TenantSessions


@asynccontextmanager
async def tenant_sessions(settings: Settings) -> AsyncIterator[TenantSessions]:
    """Yield sessions in the API's role for the length of a command; each acts as a member.

    Raises:
        DatabaseUnreachableError: PostgreSQL does not answer, or not to DATABASE_URL_API's login.
    """
    url = settings.need("database_url_api")
    api = engine(url, pool_size=1)
    try:
        with told_apart(url):
            yield TenantSessions(api, settings.need("secret_key"))
    finally:
        await api.dispose()
