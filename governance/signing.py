"""Signatures of what must not be made up: Ed25519 (RFC 8032), so that who checks them cannot make them."""

from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def sign(seed: bytes, text: str) -> bytes:
    """Return the signature of a text by the key that 32 bytes stand for."""
    return Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())


def public_key(seed: bytes) -> bytes:
    """Return the 32 bytes by which signatures of the seed's key are checked."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def is_signed(public: bytes, signature: bytes, text: str) -> bool:
    """Tell whether the key made this signature of this text."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


def instant(moment: datetime) -> str:
    """Return a time as it stands in what is hashed or signed: UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
