"""What a request needs: sessions of a tenant, and the check of tokens."""

import logging
import time
from dataclasses import dataclass

from fastapi import Request

from api.auth import development
from api.auth.keys import IssuerKeys, Key, loader
from api.auth.tokens import Verifier
from settings import Settings, SettingsError
from storage.database import engine
from storage.tenancy import TenantSessions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """Of one process; `close` at its end."""

    sessions: TenantSessions
    verifier: Verifier

    async def close(self) -> None:
        """Give the connections back."""
        await self.sessions.engine.dispose()


def services(settings: Settings) -> Services:
    """Return the services that the settings describe; nothing is connected yet.

    Raises:
        SettingsError: a setting is missing, or the address of the issuer's keys is not fit.
    """
    return Services(
        TenantSessions(engine(settings.need("database_url_api")), settings.need("secret_key")),
        _verifier(settings),
    )


def of(request: Request) -> Services:
    """Return the services of the application that answers the request."""
    found: Services = request.app.state.services
    return found


class _DevelopmentKeys:
    """The one key of this machine's development issuer; made when the first token is to be checked."""

    def __init__(self, settings: Settings) -> None:
        self._home = settings.home

    async def find(self, kid: str) -> Key | None:
        key = development.development_key(self._home)
        return key if key.kid == kid else None


def _verifier(settings: Settings) -> Verifier:
    if settings.jwt_issuer is None:
        log.warning(
            "AUGENTIS_JWT_ISSUER is not set: tokens of the development issuer in %s are accepted; "
            "whoever reads that folder can be anybody",
            settings.home,
        )
        return Verifier(
            development.ISSUER,
            settings.jwt_audience,
            development.ALGORITHM,
            _DevelopmentKeys(settings),
            time.time,
        )
    try:
        load = loader(settings.need("jwt_jwks"))
    except ValueError as error:
        raise SettingsError(f"AUGENTIS_JWT_JWKS: {error}") from error
    keys = IssuerKeys(load, settings.jwt_alg, time.monotonic)
    return Verifier(settings.jwt_issuer, settings.jwt_audience, settings.jwt_alg, keys, time.time)
