"""The public keys of an issuer: which are used, when they are read again, and from where."""

import asyncio
import contextlib
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from api.auth.keys import (
    COOLDOWN_SECONDS,
    MAX_AGE_SECONDS,
    MAX_BYTES,
    IssuerAwayError,
    IssuerKeys,
    loader,
    usable,
)
from tests.tokens import KEY, KID, jwks


def test_keys_that_cannot_check_the_algorithm_are_left_out():
    other = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})
    wrong = ECKey.generate_key("P-256", {"kid": "alg", "alg": "ES384"})
    nameless = ECKey.generate_key("P-256")
    secret = OctKey.generate_key(256, {"kid": "oct"})
    document = {
        "keys": [
            *json.loads(jwks(KEY, other, wrong, nameless))["keys"],
            secret.as_dict(),
            "x",
            {"kty": "EC", "kid": "y"},
        ]
    }
    assert set(usable(json.dumps(document), "ES256")) == {KID}


def test_short_rsa_keys_are_left_out():
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    enough = RSAKey.generate_key(2048, {"kid": "enough"})
    assert set(usable(jwks(short, enough), "RS256")) == {"enough"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {}}'])
def test_what_is_no_jwks_is_an_error(text: str):
    with pytest.raises(ValueError, match=r"JWKS|Expecting value"):
        usable(text, "ES256")


class Source:
    """A JWKS that changes, or cannot be read, and counts how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys, self.asked, self.away = keys, 0, False

    async def load(self) -> str:
        self.asked += 1
        if self.away:
            raise OSError("no route")
        return jwks(*self.keys)


async def test_keys_are_read_once_and_again_for_an_unknown_id_but_not_in_the_cooldown():
    now = 0.0
    source = Source(KEY)
    keys = IssuerKeys(source.load, "ES256", lambda: now)
    for _ in range(3):
        assert await keys.find(KID)
    assert source.asked == 1
    for _ in range(3):
        assert await keys.find("new") is None
    assert source.asked == 1
    now += COOLDOWN_SECONDS
    source.keys = (KEY, ECKey.generate_key("P-256", {"kid": "new"}))
    assert await keys.find("new")
    assert source.asked == 2


async def test_a_key_that_is_withdrawn_is_forgotten():
    now = 0.0
    source = Source(KEY)
    keys = IssuerKeys(source.load, "ES256", lambda: now)
    assert await keys.find(KID)
    source.keys = ()
    now += MAX_AGE_SECONDS
    assert await keys.find(KID) is None


async def test_an_issuer_that_is_away_leaves_its_keys():
    now = 0.0
    source = Source(KEY)
    source.away = True
    keys = IssuerKeys(source.load, "ES256", lambda: now)
    with pytest.raises(IssuerAwayError):
        await keys.find(KID)
    now += COOLDOWN_SECONDS
    source.away = False
    assert await keys.find(KID)
    source.away = True
    now += MAX_AGE_SECONDS
    assert await keys.find(KID)


async def test_many_at_once_ask_the_issuer_once():
    source = Source(KEY)
    keys = IssuerKeys(source.load, "ES256", lambda: 0.0)
    assert all(await asyncio.gather(*(keys.find(KID) for _ in range(20))))
    assert source.asked == 1


async def test_keys_come_from_a_file_of_bounded_size(tmp_path: Path):
    file = tmp_path / "jwks.json"
    file.write_text(jwks(KEY))
    load: Callable[[], Awaitable[str]] = loader(str(file))
    assert set(usable(await load(), "ES256")) == {KID}
    file.write_text(" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="larger"):
        await load()


@pytest.mark.parametrize("address", ["http://issuer.example/keys", "ftp://x/y", "file:///etc/keys"])
def test_no_other_scheme_than_https(address: str):
    with pytest.raises(ValueError, match="https"):
        loader(address)


# over https, from a live server


def certificate(folder: Path) -> Path:
    """Make a certificate of 127.0.0.1 that signs itself, its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "issuer.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    return file


@asynccontextmanager
async def serving(pem: Path, status: str, body: str, *headers: str) -> AsyncIterator[str]:
    """Yield the https address of a server that answers every request like this."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            head = "\r\n".join((f"HTTP/1.1 {status}", "Connection: close", *headers))
            writer.write(f"{head}\r\n\r\n{body}".encode())
            await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"


async def test_keys_come_over_https_from_a_server_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pem = certificate(tmp_path)
    async with serving(pem, "200 OK", jwks(KEY)) as address:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await loader(address)()
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert set(usable(await loader(address)(), "ES256")) == {KID}


async def test_what_a_server_may_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pem = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    async with (
        serving(pem, "200 OK", jwks(KEY)) as elsewhere,
        serving(pem, "302 Found", "", f"Location: {elsewhere}") as address,
    ):
        with pytest.raises(ValueError, match="answers 302"):
            await loader(address)()
    async with serving(pem, "200 OK", " " * (MAX_BYTES + 1)) as address:
        with pytest.raises(ValueError, match="sends more"):
            await loader(address)()
