"""Mails, handed to the operator's server (AUGENTIS_SMTP_URL) over a guarded socket."""

import asyncio
import re
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address
from socket import socket
from uuid import UUID

import httpx
from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from guarded import Allowed, Guard, connected, read
from settings import Settings
from settings.smtp import SmtpServer, bare_address, smtp_server
from streams.channels.parcel import Outcome, Parcel
from streams.channels.posting import UnfitError

_AT_ONCE = 20
"""Connections to the server at most: others wait for their turn, within their time."""
_REMEMBERED = 10_000
_PARTING = 0.5
"""Seconds for a farewell: the mail is handed in by then."""
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_TEMPORARY = range(400, 500)

Refusals = Mapping[str, tuple[int, str]]
"""Addresses that were not taken, each with the server's code and what it said."""


class MailSender:
    """Hands mails to one server, a connection each.

    A mail that the server puts off for some of its readers is sent again to those alone, as long as this
    process remembers; another one sends it to all again, under the same Message-ID.
    """

    def __init__(self, settings: Settings, guard: Guard | None = None) -> None:
        url = settings.smtp_url
        self._server = smtp_server(url.get_secret_value()) if url else None
        self._sender = bare_address(settings.smtp_from or "nobody@localhost")
        self._seconds = settings.delivery_timeout.total_seconds()
        self._guard = guard or Guard(_its_own(self._server))
        self._tls = httpx.create_ssl_context() if url else None
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._done: OrderedDict[UUID, frozenset[str]] = OrderedDict()

    async def send(self, parcel: Parcel) -> Outcome:
        """Hand it in for all of the channel's addresses that it was not taken for yet.

        Raises:
            RefusedError: the server's address is not connected to.
            UnfitError: the channel has no addresses, or one that is none.
        """
        if self._server is None:
            return Outcome("retry", "no mail server is set (AUGENTIS_SMTP_URL)")
        done = self._done.get(parcel.id, frozenset())
        left = [address for address in _addresses(parcel) if address not in done]
        smtp = self._session(self._server)
        try:
            async with asyncio.timeout(self._seconds), self._turns:
                outcome = await self._hand_in(smtp, self._server, parcel, left)
            # Beyond its time: a mail that was taken is not sent again since the farewell takes long.
            await _part(smtp)
        except TimeoutError:
            return Outcome("retry", "the mail server did not answer in time")
        finally:
            smtp.close()
        return outcome

    def _session(self, server: SmtpServer) -> SMTP:
        return SMTP(
            hostname=server.host,
            timeout=self._seconds,
            use_tls=server.tls,
            tls_context=self._tls,
            username=server.username,
            password=server.password if server.username else None,
            local_hostname=self._sender.rpartition("@")[2],
        )

    async def _hand_in(self, smtp: SMTP, server: SmtpServer, parcel: Parcel, left: Sequence[str]) -> Outcome:
        try:
            sock = await connected(self._guard, server.host, server.port, self._seconds)
            await smtp.connect(sock=sock, start_tls=_start_tls(server, sock))
        except (SMTPException, OSError) as error:
            return Outcome("retry", _kept_out(error))
        try:
            return self._judged(parcel.id, left, await self._sent(smtp, left, parcel.body))
        except (SMTPException, OSError) as error:
            return _refusal(error)

    async def _sent(self, smtp: SMTP, addresses: Sequence[str], body: bytes) -> Refusals:
        beyond_ascii = not all(address.isascii() for address in addresses)
        try:
            refused, _ = await smtp.sendmail(
                self._sender, addresses, body, mail_options=["SMTPUTF8"] if beyond_ascii else []
            )
        except SMTPRecipientsRefused as error:
            return {each.recipient: (each.code, each.message) for each in error.recipients}
        return {address: (answer.code, answer.message) for address, answer in refused.items()}

    def _judged(self, parcel_id: UUID, asked: Sequence[str], refused: Refusals) -> Outcome:
        done = self._done.pop(parcel_id, frozenset()) | (set(asked) - refused.keys())
        codes = Counter(_code(*answer) for answer in refused.values())
        everybody = len(done) + len(refused)
        said = f"taken for {len(done)} of {everybody}"
        said += "".join(f", {code} for {count}" for code, count in sorted(codes.items()))
        if any(code in _TEMPORARY for code, _ in refused.values()):
            self._remember(parcel_id, done)
            return Outcome("retry", said)
        return Outcome("accepted" if done else "refused", said)

    def _remember(self, parcel_id: UUID, done: frozenset[str]) -> None:
        self._done[parcel_id] = done
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)


def _its_own(server: SmtpServer | None) -> Allowed:
    """Allow the operator's own server, wherever it is."""
    return Allowed.of((read(server.host), server.port)) if server else Allowed()


def _start_tls(server: SmtpServer, sock: socket) -> bool | None:
    """Say whether TLS must begin (None: where it is offered) once the connection stands."""
    if server.tls:
        return False
    return None if _stays_here(sock) else True


def _stays_here(sock: socket) -> bool:
    return ip_address(sock.getpeername()[0]).is_loopback


def _addresses(parcel: Parcel) -> list[str]:
    """Return the channel's addresses as the server reads them: names of hosts in ASCII."""
    found = parcel.settings.get("to")
    if not found:
        raise UnfitError("the channel has no addresses: give it some")
    return list(dict.fromkeys(_plain(address) for address in found))


def _plain(address: str) -> str:
    name, _, host = address.rpartition("@")
    with suppress(UnicodeError):
        host = host.encode("idna").decode()
    if not name or not host.isascii() or not address.isprintable() or set(address) & set(' <>,;"()'):
        raise UnfitError("one of the channel's addresses is none: write them as in team@example.org")
    return f"{name}@{host}"


def _code(code: int, text: str) -> str:
    """Return the server's code without its text, which may quote anything."""
    enhanced = _ENHANCED.match(text)
    return f"{code} {enhanced[0]}" if enhanced else str(code)


def _kept_out(error: Exception) -> str:
    """Return why there is no session; all of it is the operator's to mend."""
    if isinstance(error, SMTPResponseException):
        return f"the mail server does not let us in ({_code(error.code, error.message)})"
    if isinstance(error, TimeoutError):
        return "the mail server did not answer in time"
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "the mail server's TLS certificate is not trusted for its name"
    if "STARTTLS" in str(error):
        return "the mail server offers no STARTTLS, and nothing is sent in the clear"
    return f"the mail server could not be talked to ({type(error).__name__})"


def _refusal(error: Exception) -> Outcome:
    """Return what it means that a mail was not taken at all."""
    if isinstance(error, SMTPNotSupported):
        return Outcome("refused", "the mail server takes no addresses beyond ASCII (SMTPUTF8)")
    if isinstance(error, SMTPSenderRefused):
        code = _code(error.code, error.message)
        return Outcome("retry", f"the mail server takes none from AUGENTIS_SMTP_FROM ({code})")
    if isinstance(error, SMTPResponseException):
        said = f"the mail server did not take it ({_code(error.code, error.message)})"
        return Outcome("retry" if error.code in _TEMPORARY else "refused", said)
    return Outcome("retry", _kept_out(error))


async def _part(smtp: SMTP) -> None:
    with suppress(SMTPException, OSError):
        async with asyncio.timeout(_PARTING):
            await smtp.quit()
