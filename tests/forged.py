"""A good token, and what those who have none would send."""

import hmac
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc import jwe
from joserfc.jwk import ECKey, RSAKey

from api.auth import development, sessions
from api.auth.sessions import session_key
from api.auth.signed import MAX_TOKEN_CHARACTERS
from tests.databases import SECRET
from tests.tokens import ISSUER, KEY, KID, encoded, part, signed, signed_raw, without_absent
from tests.world import World

THIEF = ECKey.generate_key("P-256", {"kid": KID})
RSA = RSAKey.generate_key(2048, {"kid": KID})


class Forger:
    """Makes ann's token, and what others would make of it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(time.time())
        whole = {
            "iss": ISSUER,
            "aud": "augentis",
            "sub": str(self._world.ann),
            "org_id": str(self._world.a),
            "iat": now,
            "exp": now + 60,
        }
        return without_absent(whole | changed)

    def good(self, **header: Any) -> str:
        return signed(self.claims(), **header)

    def but(self, **changed: Any) -> str:
        return signed(self.claims(**changed))

    def by(self, key: Any, algorithm: str = "ES256", **header: Any) -> str:
        return signed(self.claims(), key, algorithm, **header)

    def raw(self, **header: Any) -> str:
        """Well signed, whatever the header says."""
        return self.saying(json.dumps(self.claims()).encode(), **header)

    def saying(self, payload: bytes, **header: Any) -> str:
        """Well signed, whatever it says."""
        return signed_raw(without_absent({"alg": "ES256", "kid": KID, **header}), payload)

    def unsigned(self, algorithm: str, signature: str = "") -> str:
        return f"{part({'alg': algorithm, 'kid': KID})}.{part(self.claims())}.{signature}"

    def keyed(self, secret: bytes) -> str:
        """HS256 with what everybody knows as its secret: the classic."""
        body = f"{part({'alg': 'HS256', 'kid': KID})}.{part(self.claims())}"
        return f"{body}.{encoded(hmac.digest(secret, body.encode(), 'sha256'))}"

    def resigned(self, signature: Callable[[str], str]) -> str:
        head, payload, good = self.good().split(".")
        return f"{head}.{payload}.{signature(good)}"

    def repaid(self, **changed: Any) -> str:
        head, _, signature = self.good().split(".")
        return f"{head}.{part(self.claims(**changed))}.{signature}"

    def encrypted(self) -> str:
        head = {"alg": "ECDH-ES", "enc": "A128GCM", "kid": KID, "cty": "JWT"}
        return jwe.encrypt_compact(head, self.good(), KEY, algorithms=["ECDH-ES", "A128GCM"])

    def in_future(self) -> int:
        return int(time.time()) + 3600


def _in_der(signature: str) -> str:
    raw = urlsafe_b64decode(signature + "==")
    return encoded(encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")))


HOSTILE: dict[str, Callable[[Forger], str]] = {
    "alg none": lambda f: f.unsigned("none"),
    "alg none, signed": lambda f: f.unsigned("none", f.good().rpartition(".")[2]),
    "alg nOnE": lambda f: f.unsigned("nOnE", "eA"),
    "no alg": lambda f: signed_raw({"kid": KID}, json.dumps(f.claims()).encode()),
    "HS256 with the public PEM": lambda f: f.keyed(KEY.as_pem(private=False)),
    "HS256 with the public JWK": lambda f: f.keyed(json.dumps(KEY.as_dict(private=False)).encode()),
    "RS256 under the key's id": lambda f: f.by(RSA, "RS256"),
    "ES256, called RS256": lambda f: f.raw(alg="RS256"),
    "RS256, called ES256": lambda f: f.resigned(lambda _: f.by(RSA, "RS256").rpartition(".")[2]),
    "ES384": lambda f: f.by(ECKey.generate_key("P-384", {"kid": KID}), "ES384"),
    "alg a list": lambda f: f.raw(alg=["ES256"]),
    "another key, the same id": lambda f: f.by(THIEF),
    "its own jwk": lambda f: f.by(THIEF, jwk=THIEF.as_dict(private=False)),
    "its own jwk and id": lambda f: f.by(THIEF, kid="mine", jwk=THIEF.as_dict(private=False)),
    "its own jku": lambda f: f.by(THIEF, kid="mine", jku="https://thief.example/keys"),
    "its own x5u": lambda f: f.by(THIEF, kid="mine", x5u="https://thief.example/cert"),
    "its own x5c": lambda f: f.by(THIEF, x5c=[encoded(THIEF.as_der(private=False))]),
    "kid a path": lambda f: f.raw(kid="../../../../dev/null"),
    "kid SQL": lambda f: f.raw(kid=f"x' UNION SELECT '{KID}"),
    "kid a command": lambda f: f.raw(kid=f"{KID}; id"),
    "kid empty": lambda f: f.raw(kid=""),
    "kid missing": lambda f: f.raw(kid=...),
    "kid a number": lambda f: f.raw(kid=1),
    "kid a list": lambda f: f.raw(kid=[KID]),
    "crit": lambda f: f.raw(crit=["exp"], exp=1),
    "crit of a known field": lambda f: f.raw(crit=["kid"]),
    "crit empty": lambda f: f.raw(crit=[]),
    "b64 false": lambda f: f.raw(b64=False, crit=["b64"]),
    "b64 false, not critical": lambda f: f.raw(b64=False),
    "typ of another kind": lambda f: f.raw(typ="logout+jwt"),
    "encrypted": lambda f: f.encrypted(),
    "nested": lambda f: f.saying(f.good().encode(), cty="JWT"),
    "nested as a string": lambda f: f.saying(json.dumps(f.good()).encode()),
    "the header a list": lambda f: signed_raw(["alg"], json.dumps(f.claims()).encode()),
    "the claims a list": lambda f: f.saying(b"[]"),
    "nested too deep": lambda f: f.saying(b"[" * 3000),
    "signature empty": lambda f: f.resigned(lambda _: ""),
    "signature short": lambda f: f.resigned(lambda good: good[:-4]),
    "signature long": lambda f: f.resigned(lambda good: good + "AAAA"),
    "signature of zeros": lambda f: f.resigned(lambda _: encoded(bytes(64))),
    "signature in DER": lambda f: f.resigned(_in_der),
    "signature padded": lambda f: f.resigned(lambda good: good + "=="),
    "claims changed": lambda f: f.repaid(sub=str(uuid4())),
    "expired": lambda f: f.but(exp=int(time.time()) - 31),
    "exp in words": lambda f: f.but(exp="tomorrow"),
    "exp infinite": lambda f: f.but(exp=float("inf")),
    "not yet valid": lambda f: f.but(nbf=f.in_future()),
    "issued in the future": lambda f: f.but(iat=f.in_future(), exp=f.in_future() + 60),
    "another iss": lambda f: f.but(iss="https://other.example"),
    "iss a list": lambda f: f.but(iss=[ISSUER]),
    "iss with a slash": lambda f: f.but(iss=f"{ISSUER}/"),
    "another aud": lambda f: f.but(aud="other"),
    "another aud list": lambda f: f.but(aud=["other", "augentis2"]),
    "aud an object": lambda f: f.but(aud={"augentis": True}),
    "no iss": lambda f: f.but(iss=...),
    "no aud": lambda f: f.but(aud=...),
    "no sub": lambda f: f.but(sub=...),
    "no iat": lambda f: f.but(iat=...),
    "no exp": lambda f: f.but(exp=...),
    "no org_id": lambda f: f.but(org_id=...),
    "sub a number": lambda f: f.but(sub=1),
    "sub no UUID": lambda f: f.but(sub="ann' OR 1=1 --"),
    "org_id a list": lambda f: f.but(org_id=[str(uuid4())]),
    "org_id null": lambda f: f.but(org_id=None),
    "workspace_id no UUID": lambda f: f.but(workspace_id="main"),
    "oversized": lambda f: f.but(role="x" * MAX_TOKEN_CHARACTERS),
    "a number of 5000 digits": lambda f: f.saying(b'{"exp":' + b"9" * 5000 + b"}"),
    "our name with the issuer's key": lambda f: f.but(iss=sessions.ISSUER),
    "the session key in the issuer's name": lambda f: f.by(session_key(SECRET), kid=KID),
    "the session key and its id in the issuer's name": lambda f: f.by(session_key(SECRET)),
    "the session key in the development issuer's name": lambda f: signed(
        f.claims(iss=development.ISSUER), session_key(SECRET)
    ),
    "two tokens": lambda f: f"{f.good()} {f.good()}",
    "two tokens in a list": lambda f: f"{f.good()}, Bearer {f.good()}",
    "a comma behind": lambda f: f"{f.good()},",
    "a tab inside": lambda f: f.good().replace(".", "\t.", 1),
    "a blank inside": lambda f: f.good().replace(".", ". ", 1),
    "padded": lambda f: f"{f.good()}==",
    "quoted": lambda f: f'"{f.good()}"',
    "percent-encoded": lambda f: f.good().replace(".", "%2E"),
    "a machine key that is none": lambda _: "agk_",
    "an unknown machine key": lambda _: f"agk_{uuid4().hex}_{'x' * 43}",
    "no token at all": lambda _: "x",
}
