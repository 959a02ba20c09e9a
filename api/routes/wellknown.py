"""What others need to check our sessions' tokens."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.routing import operation_id
from api.services import of

router = APIRouter(prefix="/.well-known", tags=["signing in"], generate_unique_id_function=operation_id)
# As long as we keep the keys of other issuers.
CACHED_SECONDS = 600


class Jwks(BaseModel):
    """A set of public keys (RFC 7517)."""

    keys: list[dict[str, Any]] = Field(
        examples=[[{"kty": "EC", "crv": "P-256", "x": "...", "y": "...", "kid": "...", "alg": "ES256"}]]
    )


@router.get("/jwks.json", response_model=Jwks)
async def read_jwks(request: Request, response: Response) -> object:
    """Read the public key that tokens of sessions are signed with."""
    response.headers["Cache-Control"] = f"public, max-age={CACHED_SECONDS}"
    return of(request).issuer.jwks()
