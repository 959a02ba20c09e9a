"""The checks that the tokens of every issuer share (RFC 8725)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError

from api.auth.keys import Keys

MAX_TOKEN_CHARACTERS = 8192
LEEWAY_SECONDS = 30
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Whoever nests deeply in a short text wants the parser to fail: RecursionError is no ValueError.
_UNREADABLE = (JoseError, ValueError, TypeError, RecursionError)


class BadTokenError(Exception):
    """The token is not to be believed; why is for the log, never for whoever sent it."""


@dataclass(frozen=True)
class Unverified:
    """A signed token taken apart; nothing in it is to be believed yet."""

    compact: jws.CompactSignature
    claims: dict[str, Any]

    @property
    def header(self) -> dict[str, Any]:
        """The header's fields."""
        return self.compact.headers()


def read(token: str) -> Unverified:
    """Take a token apart: three parts, a header and claims that are JSON objects, nothing critical.

    Raises:
        BadTokenError: it is no such token.
    """
    if len(token) > MAX_TOKEN_CHARACTERS:
        raise BadTokenError("it is too long")
    if not _COMPACT.fullmatch(token):
        raise BadTokenError("it is no signed token in compact form")
    try:
        compact = jws.extract_compact(token.encode())
        claims = json.loads(compact.payload)
    except _UNREADABLE as error:
        raise BadTokenError("it cannot be read") from error
    if not isinstance(compact.headers(), dict) or not isinstance(claims, dict):
        raise BadTokenError("its header and claims have to be objects")
    if compact.headers().keys() & {"crit", "b64"}:
        raise BadTokenError("it asks for extensions, and none is known here")
    return Unverified(compact, claims)


@dataclass(frozen=True)
class Verifier:
    """Checks tokens of one issuer: its name, our audience, its one algorithm, its keys.

    `clock` is epoch seconds; `types` are the values of `typ` that are taken (RFC 8725, 3.11).
    """

    issuer: str
    audience: str
    algorithm: str
    keys: Keys
    clock: Callable[[], float]
    types: frozenset[str] = frozenset({"jwt", "at+jwt"})

    async def claims(self, token: Unverified, *essential: str) -> Mapping[str, Any]:
        """Return the claims, now to be believed; those named have to be there.

        Raises:
            BadTokenError: wrong type, key, signature, issuer, audience or time, or a claim is missing.
            IssuerAwayError: the issuer's keys cannot be read.
        """
        self._check_type(token.header)
        key = await self.keys.find(_key_id(token.header))
        if key is None:
            raise BadTokenError("its key is not one of its issuer's")
        # Our one algorithm, whatever the header says; `jku`, `jwk`, `x5u` and `x5c` are not looked at: a
        # token must not bring its own key. Only `crit` makes a field binding, and that is refused above.
        registry = jws.JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
        try:
            if not jws.validate_compact(token.compact, key, registry=registry):
                raise BadTokenError("its signature is wrong")
            self._expected(essential).validate(token.claims)
        except _UNREADABLE as error:
            raise BadTokenError(str(error)) from error
        return token.claims

    def _check_type(self, header: Mapping[str, Any]) -> None:
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in self.types:
            raise BadTokenError("its type is another")

    def _expected(self, essential: tuple[str, ...]) -> jwt.JWTClaimsRegistry:
        options: dict[str, jwt.ClaimsOption] = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.audience},
        }
        for name in ("exp", "iat", "sub", *essential):
            options[name] = {"essential": True}
        return jwt.JWTClaimsRegistry(int(self.clock()), LEEWAY_SECONDS, **options)


def _key_id(header: Mapping[str, Any]) -> str:
    kid = header.get("kid")
    if not isinstance(kid, str):
        raise BadTokenError("it does not say which key it is signed with")
    return kid
