"""Keys derived from the one secret of an installation, one for each purpose (HKDF, RFC 5869)."""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_BLOCK = 64


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that only this secret and this purpose give."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"augentis/{purpose}".encode()).derive(
        secret.encode()
    )


def seal(secret: str) -> Fernet:
    """Return the cipher of dead letters that wait in the outbox."""
    return _cipher(secret, "outbox")


def answer_seal(secret: str) -> Fernet:
    """Return the cipher of answers that are kept for a repeated request."""
    return _cipher(secret, "answers")


def request_key(secret: str) -> bytes:
    """Return the key that requests are hashed with, to know one that is sent again."""
    return derive(secret, "requests")


def channel_seal(secret: str) -> Fernet:
    """Return the cipher of what an organisation's channels take: their secrets."""
    return _cipher(secret, "channels")


def _cipher(secret: str, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(derive(secret, purpose)))


def user_key(secret: str, org_id: bytes) -> bytes:
    """Return the key that an organisation's user ids are hashed with: no two share hashes."""
    return hmac.digest(derive(secret, "users"), org_id, hashlib.sha256)


def claims_signature(secret: str, claims: str) -> str:
    """Return the signature that `auth.claims()` expects of the claims' text."""
    return hmac.new(derive(secret, "claims"), claims.encode(), hashlib.sha256).hexdigest()


def claims_pads(secret: str) -> tuple[bytes, bytes]:
    """Return HMAC's inner and outer key blocks (RFC 2104), for a database that has sha256() but no HMAC."""
    block = derive(secret, "claims").ljust(_BLOCK, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)
