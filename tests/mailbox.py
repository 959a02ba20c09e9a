"""A mail server on loopback (aiosmtpd) that keeps what it takes, and refuses as it is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Mail(NamedTuple):
    """One mail as it was taken: the envelope, and the bytes."""

    sender: str
    to: tuple[str, ...]
    body: bytes
    over_tls: bool
    user: str | None

    @property
    def message(self) -> EmailMessage:
        read = message_from_bytes(self.body, policy=policy.default)
        assert isinstance(read, EmailMessage)
        return read


@dataclass
class Mailbox:
    """What came, and the replies that are given next: to RCPT by address, to MAIL FROM and to DATA."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    connections: int = 0
    to: dict[str, list[str]] = field(default_factory=dict)
    data: list[str] = field(default_factory=list)
    sender: list[str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    parting: float = 0.0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        del server, session
        if self.sender:
            return self.sender.pop(0)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        del server, session, options
        if self.to.get(address):
            return self.to[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802  # likewise
        await asyncio.sleep(self.seconds)
        if self.data:
            return self.data.pop(0)
        assert server.transport is not None
        over_tls = server.transport.get_extra_info("sslcontext") is not None
        user = session.auth_data and session.auth_data.decode()
        content = envelope.original_content
        self.mails.append(Mail(envelope.mail_from, tuple(envelope.rcpt_tos), content, over_tls, user))
        return "250 2.0.0 taken"

    async def handle_QUIT(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802  # likewise
        del server, session, envelope
        await asyncio.sleep(self.parting)
        return "221 bye"

    def authenticate(
        self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        del server, session, envelope, mechanism
        if (
            not isinstance(data, LoginPassword)
            or self.users.get(data.login.decode()) != data.password.decode()
        ):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=data.login)


@asynccontextmanager
async def receiving(
    pem: Path | None = None, *, tls: bool = False, utf8: bool = False
) -> AsyncIterator[Mailbox]:
    """Serve on 127.0.0.1; with `pem` by STARTTLS, or from the beginning where `tls` says so."""
    box, context, sessions = Mailbox(), None, list[SMTP]()
    if pem is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pem)

    def session() -> SMTP:
        box.connections += 1
        sessions.append(
            made := SMTP(
                box,
                enable_SMTPUTF8=utf8,
                hostname="mail.example",
                tls_context=None if tls else context,
                authenticator=box.authenticate if context else None,
                auth_require_tls=not tls,
                ident="mail",
            )
        )
        return made

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if tls else None)
    async with server:
        box.port = server.sockets[0].getsockname()[1]
        yield box
    for left in sessions:
        if left.transport is not None:
            left.transport.close()
    for _ in range(250):  # they end in this loop, not after it
        await asyncio.sleep(0.02)
        if all(left.transport is None for left in sessions):
            break
    await asyncio.sleep(0.02)  # of TLS, what is below it
