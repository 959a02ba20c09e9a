"""An access token into claims: its issuer is one of a closed set, and each has keys of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.auth.signed import BadTokenError, Verifier, read
from storage.tenancy import Claims


@dataclass(frozen=True)
class AccessTokens:
    """Checks access tokens of some issuers, which the key of the mapping names."""

    issuers: Mapping[str, Verifier]

    async def verify(self, text: str) -> Claims:
        """Return whom the token speaks for; its role is not looked at (the database knows it).

        Raises:
            BadTokenError: it is of no issuer here, or that issuer's checks refuse it.
            IssuerAwayError: the issuer's keys cannot be read.
        """
        token = read(text)
        # Read before the signature is checked, to choose who checks it: the chosen one compares it again.
        name = token.claims.get("iss")
        verifier = self.issuers.get(name) if isinstance(name, str) else None
        if verifier is None:
            raise BadTokenError("it is of no issuer that is accepted here")
        return _claims(await verifier.claims(token, "org_id"))


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
        raise BadTokenError(f"its {name} is no UUID") from None
