"""How the tokens of our own issuers are made."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

from storage.tenancy import Claims

ALGORITHM = "ES256"


def mint(
    key: ECKey,
    claims: Claims,
    *,
    issuer: str,
    audience: str,
    described: Mapping[str, str],
    issued_at: int,
    life_seconds: int,
) -> str:
    """Return a signed token; `described` are the claims for people (email, role), never trusted."""
    content: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + life_seconds,
        "jti": str(uuid4()),
        "sub": str(claims.user_id),
        "org_id": str(claims.org_id),
        **({"workspace_id": str(claims.workspace_id)} if claims.workspace_id else {}),
        **described,
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, content, key, algorithms=[ALGORITHM])
