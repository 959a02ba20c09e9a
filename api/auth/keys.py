"""The public keys of an issuer, from a file or an https address; fetched again, but not too often."""

import asyncio
import json
import logging
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from guarded import Allowed, Guard, check, client

Key = ECKey | RSAKey | OKPKey
KEY_TYPES: dict[str, tuple[str, type[ECKey] | type[RSAKey] | type[OKPKey]]] = {
    "ES256": ("EC", ECKey),
    "RS256": ("RSA", RSAKey),
    "EdDSA": ("OKP", OKPKey),
}
COOLDOWN_SECONDS = 30.0
MAX_AGE_SECONDS = 600.0
MAX_BYTES = 1 << 18
FETCH_SECONDS = 5.0

log = logging.getLogger(__name__)


class IssuerAwayError(Exception):
    """The issuer's keys cannot be read, and none were read before."""


class Keys(Protocol):
    """Where the key of a token is looked up."""

    async def find(self, kid: str) -> Key | None:
        """Return the issuer's key of that id, None if it has none."""


class IssuerKeys:
    """The keys that `load` gives; read again when old, or for an unknown id, and never within the cooldown.

    `clock` counts seconds. A read that fails leaves the keys that were read before.
    """

    def __init__(
        self, load: Callable[[], Awaitable[str]], algorithm: str, clock: Callable[[], float]
    ) -> None:
        self._load = load
        self._algorithm = algorithm
        self._clock = clock
        self._keys: dict[str, Key] | None = None
        self._read_at = -MAX_AGE_SECONDS
        self._tried_at = -COOLDOWN_SECONDS
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> Key | None:
        """Return the key of that id.

        Raises:
            IssuerAwayError: no keys could be read so far.
        """
        async with self._lock:
            if self._is_stale() or kid not in (self._keys or {}):
                await self._refresh()
        if self._keys is None:
            raise IssuerAwayError("the issuer's keys could not be read")
        return self._keys.get(kid)

    def _is_stale(self) -> bool:
        return self._clock() - self._read_at >= MAX_AGE_SECONDS

    async def _refresh(self) -> None:
        if self._clock() - self._tried_at < COOLDOWN_SECONDS:
            return
        self._tried_at = self._clock()
        try:
            self._keys = usable(await self._load(), self._algorithm)
        except (OSError, ValueError, httpx.HTTPError) as error:
            log.warning("the issuer's keys cannot be read: %s", error)
            return
        self._read_at = self._tried_at


def usable(text: str, algorithm: str) -> dict[str, Key]:
    """Return the keys of a JWKS document that can check `algorithm`, by their id; others are left out.

    Raises:
        ValueError: the text is no JWKS.
    """
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise ValueError("it is no JWKS: an object with a list `keys`")  # noqa: TRY004  # of the text, not the type
    found = {}
    for fields in document["keys"]:
        key = _key(fields, algorithm) if isinstance(fields, dict) else None
        if key is not None and isinstance(fields.get("kid"), str):
            found[fields["kid"]] = key
    return found


def _key(fields: dict[str, Any], algorithm: str) -> Key | None:
    kind, cls = KEY_TYPES[algorithm]
    if fields.get("kty") != kind or fields.get("use", "sig") != "sig":
        return None
    if fields.get("alg", algorithm) != algorithm:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # joserfc warns of keys that are too short
            return cls.import_key(fields)
    except (JoseError, ValueError, TypeError, KeyError, Warning):
        log.warning("a key of the issuer cannot be used: kid %s", fields.get("kid"))
        return None


def loader(source: str, allowed: Allowed) -> Callable[[], Awaitable[str]]:
    """Return what reads the JWKS at `source`, a file or an https address that is public or allowed.

    Raises:
        ValueError: an address that is not https, or that is neither (RefusedError); of a name this is
            known when it is looked up.
    """
    if "://" not in source:
        return lambda: asyncio.to_thread(_read_file, Path(source))
    if not source.startswith("https://"):
        raise ValueError(f"{source}: keys are read from a file or an https address")
    check(source, allowed)
    return lambda: _fetch(source, Guard(allowed))


def _read_file(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path} is larger than {MAX_BYTES} bytes")
    return content.decode()


async def _fetch(url: str, guard: Guard) -> str:
    """Read the document; a redirect is no document, and could lead out of https."""
    async with client(guard, FETCH_SECONDS, MAX_BYTES) as issuer:
        response = await issuer.get(url, headers={"Accept": "application/json"})
    if response.status_code != httpx.codes.OK:
        raise ValueError(f"{url} answers {response.status_code}")
    return response.content.decode()
