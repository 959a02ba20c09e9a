"""What a request needs: sessions of a tenant, the check of tokens, the sign-in of people."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from api.auth import development, sessions
from api.auth.identities import Provider
from api.auth.keys import IssuerKeys, Key, loader
from api.auth.minting import ALGORITHM
from api.auth.sessions import SessionIssuer
from api.auth.signed import Verifier
from api.auth.tokens import AccessTokens
from api.channel_kinds import Bounds
from guarded import Allowed
from settings import OidcProvider, Settings, SettingsError
from settings.domains import domains
from storage.database import API_SESSION, engine
from storage.tenancy import TenantSessions

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """Of one process; `close` at its end."""

    sessions: TenantSessions
    tokens: AccessTokens
    issuer: SessionIssuer
    providers: Mapping[str, Provider]
    bounds: Bounds

    async def close(self) -> None:
        """Give the connections back."""
        await self.sessions.engine.dispose()


def services(settings: Settings) -> Services:
    """Return the services that the settings describe; nothing is connected yet.

    Raises:
        SettingsError: a setting is missing, or the address of an issuer's keys is not fit.
    """
    secret = settings.need("secret_key")
    issuer = SessionIssuer(
        sessions.session_key(secret),
        settings.jwt_audience,
        int(settings.session_life.total_seconds()),
        time.time,
    )
    return Services(
        TenantSessions(engine(settings.need("database_url_api"), session=API_SESSION), secret),
        AccessTokens({verifier.issuer: verifier for verifier in (_verifier(settings), issuer.verifier())}),
        issuer,
        {name: _provider(name, provider, settings) for name, provider in settings.oidc_providers.items()},
        Bounds(_allowed(settings), domains(settings.email_domains)),
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
    audience = settings.jwt_audience
    if settings.jwt_issuer is None:
        log.warning(
            "AUGENTIS_JWT_ISSUER is not set: tokens of the development issuer in %s are accepted; "
            "whoever reads that folder can be anybody",
            settings.home,
        )
        return Verifier(development.ISSUER, audience, ALGORITHM, _DevelopmentKeys(settings), time.time)
    if settings.jwt_issuer == sessions.ISSUER:
        raise SettingsError(f"AUGENTIS_JWT_ISSUER: {sessions.ISSUER} is the name of our own sessions")
    keys = _keys("AUGENTIS_JWT_JWKS", settings.need("jwt_jwks"), settings.jwt_alg, settings)
    return Verifier(settings.jwt_issuer, audience, settings.jwt_alg, keys, time.time)


def _allowed(settings: Settings) -> Allowed:
    try:
        return Allowed.parse(settings.webhook_allow)
    except ValueError as error:
        raise SettingsError(f"AUGENTIS_WEBHOOK_ALLOW: {error}") from error


def _keys(setting: str, source: str, algorithm: str, settings: Settings) -> IssuerKeys:
    try:
        return IssuerKeys(loader(source, _allowed(settings)), algorithm, time.monotonic)
    except ValueError as error:
        raise SettingsError(f"{setting}: {error}") from error


def _provider(name: str, configured: OidcProvider, settings: Settings) -> Provider:
    keys = _keys(f"AUGENTIS_OIDC_PROVIDERS.{name}.jwks", configured.jwks, configured.alg, settings)
    # An id_token alone says who somebody is: an access token of the same issuer (at+jwt) does not.
    types = frozenset({"jwt"})
    return Provider(
        name, Verifier(configured.issuer, configured.audience, configured.alg, keys, time.time, types)
    )
