"""The issuer of sessions: its key follows from AUGENTIS_SECRET_KEY, so every API process has the same one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import ECKey

from api.auth.keys import Key
from api.auth.minting import ALGORITHM, mint
from api.auth.signed import Verifier
from storage.secrets import derive
from storage.tenancy import Claims

ISSUER = "urn:augentis:sessions"
_CURVE = ec.SECP256R1()


def session_key(secret: str) -> ECKey:
    """Return the key pair on P-256 that follows from the secret, named by its thumbprint (RFC 7638)."""
    # FIPS 186-5, A.2.1: a number twice as wide as the order, reduced, favours no scalar.
    wide = derive(secret, "sessions") + derive(secret, "sessions/2")
    scalar = int.from_bytes(wide, "big") % (_CURVE.group_order - 1) + 1
    private = ec.derive_private_key(scalar, _CURVE)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = ECKey.import_key(pem, {"use": "sig", "alg": ALGORITHM})
    key.ensure_kid()
    return key


@dataclass(frozen=True)
class SessionIssuer:
    """Makes and checks the tokens of sessions; `clock` is epoch seconds."""

    key: ECKey
    audience: str
    life_seconds: int
    clock: Callable[[], float]

    def mint(self, claims: Claims, described: Mapping[str, str]) -> str:
        """Return a token that lives from now on; `described` are the claims for people."""
        return mint(
            self.key,
            claims,
            issuer=ISSUER,
            audience=self.audience,
            described=described,
            issued_at=int(self.clock()),
            life_seconds=self.life_seconds,
        )

    def verifier(self) -> Verifier:
        """Return what checks these tokens."""
        return Verifier(ISSUER, self.audience, ALGORITHM, self, self.clock)

    async def find(self, kid: str) -> Key | None:
        """Return the one key, if that is its id."""
        return self.key if kid == self.key.kid else None

    def jwks(self) -> dict[str, Any]:
        """Return the public half as a JWKS, for whoever checks these tokens elsewhere."""
        return {"keys": [self.key.as_dict(private=False)]}
