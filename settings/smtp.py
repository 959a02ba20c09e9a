"""The mail server of AUGENTIS_SMTP_URL, and the address that mail is from."""

from dataclasses import dataclass, field
from email.headerregistry import Address
from email.utils import getaddresses
from typing import Annotated
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import AfterValidator, SecretStr

_PORTS = {"smtp": 587, "smtps": 465}
_FORM = "write smtp://user:password@mail.example:587, or smtps:// where TLS begins with the connection"


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where mail is handed in. `tls` says that TLS begins with the connection, not by STARTTLS."""

    host: str
    port: int
    tls: bool
    username: str | None = None
    password: str = field(default="", repr=False)


def smtp_server(url: str) -> SmtpServer:
    """Return what an address of a mail server says; user and password are percent-encoded there.

    Raises:
        ValueError: it is none; the message has nothing of it, since it may hold a password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(_FORM) from None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or not _is_bare(parts):
        raise ValueError(_FORM)
    return SmtpServer(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "smtps",
        unquote(parts.username) if parts.username else None,
        unquote(parts.password or ""),
    )


def _is_bare(parts: SplitResult) -> bool:
    return parts.path in ("", "/") and not parts.query and not parts.fragment


def bare_address(text: str) -> str:
    """Return the address alone of `Augentis <alerts@example.org>`.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = getaddresses([text])
    try:
        parsed = Address(addr_spec=found[0][1])
    except (ValueError, IndexError):
        parsed = Address()
    if len(found) != 1 or not (parsed.username and parsed.domain) or not text.isprintable():
        raise ValueError("write one address, as in Augentis <alerts@example.org>")
    return parsed.addr_spec


def _checked_url(url: SecretStr) -> SecretStr:
    smtp_server(url.get_secret_value())
    return url


def _checked_address(text: str) -> str:
    bare_address(text)
    return text


SmtpUrl = Annotated[SecretStr, AfterValidator(_checked_url)]
SmtpFrom = Annotated[str, AfterValidator(_checked_address)]
