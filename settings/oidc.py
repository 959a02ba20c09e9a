"""The OpenID providers of AUGENTIS_OIDC_PROVIDERS."""

import json
from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import NoDecode

ProviderName = Literal["supabase", "google", "github"]
Algorithm = Literal["ES256", "RS256", "EdDSA"]


def _file_or_https(source: str) -> str:
    if "://" in source and not source.startswith("https://"):
        raise ValueError(f"{source}: keys are read from a file or an https address")
    return source


class OidcProvider(BaseModel):
    """One provider: whose id_tokens are taken, for which audience, and where its keys are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    jwks: Annotated[str, Field(min_length=1), AfterValidator(_file_or_https)]
    alg: Algorithm = "RS256"


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        decoded = json.loads(value)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from None
    if not isinstance(decoded, dict):
        raise ValueError("write a JSON object: a provider's name to its issuer, audience, jwks and alg")  # noqa: TRY004  # of the text, not the type
    unknown = sorted(decoded.keys() - set(get_args(ProviderName)))
    if unknown:
        known = ", ".join(get_args(ProviderName))
        raise ValueError(f"there is no provider {', '.join(unknown)}: {known} are known")
    return decoded


OidcProviders = Annotated[Mapping[ProviderName, OidcProvider], NoDecode, BeforeValidator(_decoded)]
