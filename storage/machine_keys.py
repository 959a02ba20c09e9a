"""Machine keys: `agk_<id, 32 hex>_<secret, 43 characters of base64url>`; of the whole text a hash is kept."""

import hashlib
import hmac
import re
import secrets
from uuid import UUID, uuid4

_TEXT = re.compile(r"agk_([0-9a-f]{32})_[A-Za-z0-9_-]{43}")


def make() -> tuple[UUID, str, bytes]:
    """Return a new key: its id, its text (shown once) and the sha256 that is stored."""
    key_id = uuid4()
    text = f"agk_{key_id.hex}_{secrets.token_urlsafe(32)}"
    return key_id, text, digest(text)


def parse(text: str) -> UUID | None:
    """Return the id that a key's text names; None for a text that is no key."""
    match = _TEXT.fullmatch(text)
    return UUID(match[1]) if match else None


def matches(text: str, sha256: bytes) -> bool:
    """Tell, in constant time, whether `text` is the key that was stored as `sha256`."""
    return hmac.compare_digest(digest(text), sha256)


def digest(text: str) -> bytes:
    """Return the sha256 that is stored of a key."""
    # 256 random bits need no slow hash: there is no dictionary to try.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
