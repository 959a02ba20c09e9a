"""Hosts as they are written: an IP address in its one usual form, or a name. Pure."""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from guarded.addresses import Address, plain

Host = Address | str

_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAME = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
)
_LOCAL = ("localhost", "localdomain", "local", "internal", "home.arpa")
"""Names that no public server answers for: RFC 6761, 6762, 8375, and ICANN's `internal`."""


class RefusedError(ValueError):
    """An address that is not connected to, whatever answers there. The message says what to do.

    Of a name it does not say which addresses it has: whoever chose the name may not know them.
    """


def read(text: str) -> Host:
    """Return the host that ASCII text names.

    Raises:
        RefusedError: text that programs read differently (octal, hexadecimal, short or whole numbers,
            dots at the end, percent signs), or that is no host.
    """
    written = text.lower()
    if "%" in written:
        raise RefusedError(f"{text}: a host has no percent sign: neither escapes nor interfaces are taken")
    if ":" in written:
        return _ipv6(written)
    if _NUMBER.fullmatch(written.rpartition(".")[2]):
        return _ipv4(written)
    if not _NAME.fullmatch(written):
        raise RefusedError(
            f"{text!r} is no host name: labels of letters, digits and hyphens, no dot at the end"
        )
    return written


def _ipv4(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise RefusedError(
            f"{text}: write an IPv4 address as four decimal numbers, as in 192.0.2.1"
        ) from None


def _ipv6(text: str) -> Address:
    try:
        return plain(IPv6Address(text))
    except AddressValueError:
        raise RefusedError(f"{text} is no IPv6 address") from None


def is_local(name: str) -> bool:
    """Whether a name can only be of this machine or its network: one label, or under a local domain."""
    return "." not in name or any(name.endswith(f".{domain}") for domain in _LOCAL)
