"""A token into claims: one algorithm, our issuer and audience, a key that we looked up ourselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import JoseError

from api.auth.keys import Keys
from storage.tenancy import Claims

MAX_TOKEN_CHARACTERS = 8192
LEEWAY_SECONDS = 30


class BadTokenError(Exception):
    """The token is not to be believed; the message says why, as far as its owner may know."""


@dataclass(frozen=True)
class Verifier:
    """Checks tokens of one issuer; `clock` is epoch seconds."""

    issuer: str
    audience: str
    algorithm: str
    keys: Keys
    clock: Callable[[], float]

    async def verify(self, token: str) -> Claims:
        """Return whom the token speaks for; its role is not looked at (the database knows it).

        Raises:
            BadTokenError: wrong form, signature, issuer, audience or time, or a claim is missing.
            IssuerAwayError: the issuer's keys cannot be read.
        """
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise BadTokenError("the token is too long")
        key = await self.keys.find(self._key_id(token))
        if key is None:
            raise BadTokenError("the token is signed with a key that its issuer does not have")
        try:
            registry = jws.JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
            claims = jwt.decode(token, key, algorithms=[self.algorithm], registry=registry).claims
            self._registry().validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise BadTokenError(f"the token is not valid: {_reason(error)}") from error
        return _claims(claims)

    def _key_id(self, token: str) -> str:
        # The one thing read before the signature is checked. `jku`, `jwk`, `x5u` and `x5c` are not: a token
        # must not bring its own key.
        try:
            kid = jws.extract_compact(token.encode()).headers().get("kid")
        except (JoseError, ValueError, TypeError) as error:
            raise BadTokenError("this is no signed token") from error
        if not isinstance(kid, str):
            raise BadTokenError("the token does not say which key it is signed with (kid)")
        return kid

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            now=int(self.clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            org_id={"essential": True},
        )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, JoseError) else "it cannot be read"


def _claims(claims: Mapping[str, Any]) -> Claims:
    workspace = claims.get("workspace_id")
    return Claims(
        _uuid(claims, "sub"),
        _uuid(claims, "org_id"),
        # Empty says what absent says, as issuers with a fixed template send it.
        None if workspace in (None, "") else _uuid(claims, "workspace_id"),
    )


def _uuid(claims: Mapping[str, Any], name: str) -> UUID:
    try:
        return UUID(claims[name])
    except (ValueError, TypeError, AttributeError):
        raise BadTokenError(f"the token's {name} is no UUID") from None
