"""Tokens as issuers make them, and as nobody should."""

import base64
import json
from typing import Any
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import ECKey

from api.auth.keys import Key, usable
from api.auth.signed import Verifier

NOW = 1_790_000_000
ISSUER = "https://issuer.example"
USER, ORG = uuid4(), uuid4()
KEY = ECKey.generate_key("P-256", auto_kid=True)
KID = str(KEY.kid)


def jwks(*keys: Any) -> str:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def part(fields: object) -> str:
    return encoded(json.dumps(fields).encode())


def without_absent(fields: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is `...`: so that a test can say what is missing."""
    return {name: value for name, value in fields.items() if value is not ...}


def access_claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "iss": ISSUER,
        "aud": "augentis",
        "sub": str(USER),
        "org_id": str(ORG),
        "iat": NOW,
        "exp": NOW + 60,
    }
    return without_absent(whole | changed)


def signed(claims: dict[str, Any], key: Any = KEY, algorithm: str = "ES256", **header: Any) -> str:
    head = without_absent({"typ": "JWT", "alg": algorithm, "kid": key.kid, **header})
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jws.serialize_compact(head, json.dumps(claims), key, algorithms=[algorithm], registry=registry)


def signed_raw(header: object, payload: bytes, key: ECKey = KEY) -> str:
    """Sign what no library would: any header, any payload, ES256."""
    body = f"{part(header)}.{encoded(payload)}"
    model = jws.JWSRegistry.algorithms["ES256"]
    return f"{body}.{encoded(model.sign(body.encode(), key))}"


class Held:
    """An issuer's keys, in memory."""

    def __init__(self, *keys: Any, algorithm: str = "ES256") -> None:
        self._keys = usable(jwks(*keys), algorithm)

    async def find(self, kid: str) -> Key | None:
        return self._keys.get(kid)


def verifier(
    *keys: Any, algorithm: str = "ES256", issuer: str = ISSUER, audience: str = "augentis"
) -> Verifier:
    return Verifier(issuer, audience, algorithm, Held(*(keys or (KEY,)), algorithm=algorithm), lambda: NOW)
