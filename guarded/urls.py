"""Web addresses as they are written: read by httpx alone, so that nobody reads them differently later."""

from collections.abc import Sequence

import httpx

from guarded.allowed import HINT, PORTS, Allowed
from guarded.hosts import Host, RefusedError, read

_USUAL = {"http": 80, "https": 443}
_PRIVILEGED = range(1, 1024)


def check(url: str | httpx.URL, allowed: Allowed) -> None:
    """Judge all of a web address that can be judged without looking up its name.

    Raises:
        RefusedError: not http or https, a user or password in it, a host or port that is not connected to.
    """
    host, port = _place(url)
    if port in _PRIVILEGED and port not in _USUAL.values() and not allowed.vouches_for(host, port):
        raise RefusedError(f"port {port} is no web server's: below 1024 only 80 and 443 are")
    allowed.check(host, port)


def check_chosen(url: str, allowed: Allowed, hosts: Sequence[str] = ()) -> str:
    """Judge an address that a team chose to be told things at, as `check` does, and return its host.

    Unless the operator's list has the host it is reached by https, and is one of `hosts`, at their usual
    port, where there are any; `.example.com` is what ends so.

    Raises:
        RefusedError: it is none of that. Of the address the host is said at most.
    """
    check(url, allowed)
    read_url = httpx.URL(url)
    if read_url.fragment:
        raise RefusedError("an address has no part behind a # that is sent anywhere")
    host, port = _place(read_url)
    if allowed.vouches_for(host, port):
        return str(host)
    if read_url.scheme != "https":
        raise RefusedError(f"only addresses that begin with https:// are taken; {HINT}")
    if hosts and not (port == _USUAL["https"] and any(_is_of(str(host), each) for each in hosts)):
        raise RefusedError(f"only {', '.join(each.removeprefix('.') for each in hosts)} are taken")
    return str(host)


def _is_of(host: str, known: str) -> bool:
    return host.endswith(known) if known.startswith(".") else host == known


def its_own(url: str) -> Allowed:
    """Allow the host and port of an address that the operator set, beside the public internet.

    Raises:
        RefusedError: it is no web address, or has a user or password in it.
    """
    return Allowed.of(_place(url))


def _place(url: str | httpx.URL) -> tuple[Host, int]:
    try:
        read_url = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise RefusedError(f"it is no web address: {error}") from None
    if read_url.scheme not in _USUAL:
        raise RefusedError("only addresses that begin with https:// or http:// are taken")
    if read_url.userinfo:
        raise RefusedError("an address has no user or password before its host")
    port = _USUAL[read_url.scheme] if read_url.port is None else read_url.port
    if port not in PORTS:
        raise RefusedError(f"there is no port {port}: they go from 1 to 65535")
    return read(read_url.raw_host.decode("ascii")), port
