"""Small web servers on loopback, with TLS too, that remember who came; and who issues their certificates."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Answering = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Site:
    """What a server has seen: how many connections, the heads of requests, the names asked for in TLS."""

    port: int = 0
    connections: int = 0
    heads: list[str] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)

    def sees(self, _: object, name: str | None, __: object) -> None:
        self.names.append(name)


def answer(status: str, body: str | bytes, *headers: str) -> bytes:
    """Return an answer that ends with its connection."""
    head = "\r\n".join((f"HTTP/1.1 {status}", "Connection: close", *headers))
    return f"{head}\r\n\r\n".encode() + (body.encode() if isinstance(body, str) else body)


@asynccontextmanager
async def serving(answering: bytes | Answering, pem: Path | None = None) -> AsyncIterator[Site]:
    """Serve on 127.0.0.1, every request answered alike, over TLS with the key and certificate in `pem`."""
    site, visits = Site(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        site.connections += 1
        visits.add(asyncio.current_task())  # type: ignore[arg-type]  # there is one
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            site.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if isinstance(answering, bytes):
                writer.write(answering)
            else:
                await answering(writer)
            await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    context = None
    if pem is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)
        context.set_servername_callback(site.sees)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        site.port = server.sockets[0].getsockname()[1]
        yield site
    await asyncio.wait_for(asyncio.gather(*visits), 5)


class Authority:
    """Issues certificates; `file` is what those trust who believe it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
        own = _certificate(self._name, self._name, self._key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self._identity = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        own = own.add_extension(self._identity, critical=False)
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, host: str) -> Path:
        """Return a file with the key and the certificate of a host."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")])
        made = _certificate(name, self._name, key.public_key())
        made = made.add_extension(x509.SubjectAlternativeName([_general(host)]), critical=False)
        known = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._identity)
        made = made.add_extension(known, critical=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file = self._folder / f"{host}.pem"
        file.write_bytes(private + made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))
        return file


def _certificate(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        issuer,
        name,
        key,
        x509.random_serial_number(),
        now - timedelta(minutes=1),
        now + timedelta(hours=1),
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
