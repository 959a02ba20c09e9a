"""Names looked up once, every address judged, and connections to those very addresses."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv6Address, ip_address

import httpcore

from guarded.addresses import Address, plain
from guarded.allowed import Allowed
from guarded.hosts import read

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a name, best first; OSError if there are none."""
CONNECT_SECONDS = 10.0
# Of their own: a name server that is slow on purpose holds these threads, and nobody else's.
_THREADS = ThreadPoolExecutor(8, "lookup")


async def look_up(name: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a name.

    Raises:
        OSError: it has none, or no name server answers.
    """
    ask = partial(socket.getaddrinfo, name, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_THREADS, ask)
    return [str(place[0]) for *_, place in found]


class Guard:
    """Says which addresses may be connected to for a host."""

    def __init__(self, allowed: Allowed, lookup: Lookup = look_up) -> None:
        self.allowed = allowed
        self._lookup = lookup

    async def addresses(self, host: str, port: int) -> list[Address]:
        """Return the addresses of a host, all judged; connect to these, and look up nothing again.

        Raises:
            RefusedError: one of them is neither public nor allowed.
            OSError: the name has no address.
        """
        known = read(host)
        self.allowed.check(known, port)
        if not isinstance(known, str):
            return [known]
        found = [plain(ip_address(address)) for address in await self._lookup(known, port)]
        for address in found:
            self.allowed.check_found(known, address, port)
        if not found:
            raise OSError(f"{host} has no address")
        return found


async def connected(guard: Guard, host: str, port: int, seconds: float) -> socket.socket:
    """Return a socket to the first address that answers; the seconds are shared among those that are left.

    Raises:
        RefusedError: an address of the host is neither public nor allowed; none was contacted.
        OSError: the host has no address, or none answers; TimeoutError where that takes too long.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    async with asyncio.timeout_at(ends):
        addresses = await guard.addresses(host, port)
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        try:
            async with asyncio.timeout((ends - loop.time()) / left):
                return await _tcp(address, port)
        except OSError:
            if left == 1:
                raise
    raise AssertionError("a guard gives at least one address")


async def _tcp(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET6 if isinstance(address, IPv6Address) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(made, (str(address), port))
    except BaseException:
        made.close()
        raise
    return made


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """httpcore's TCP, to what the guard lets through; there are no Unix sockets."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers; the seconds are shared among those that are left.

        Raises:
            RefusedError: an address of the host is neither public nor allowed; none was contacted.
            httpcore.ConnectError: the host has no address, or none answers.
            httpcore.ConnectTimeout: looking up or connecting took too long.
        """
        ends = asyncio.get_running_loop().time() + (CONNECT_SECONDS if timeout is None else timeout)
        addresses = await self._addresses(host, port, ends)
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            share = (ends - asyncio.get_running_loop().time()) / left
            try:
                return await self._network.connect_tcp(
                    str(address), port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if left == 1:
                    raise
        raise AssertionError("a guard gives at least one address")

    async def _addresses(self, host: str, port: int, ends: float) -> list[Address]:
        try:
            async with asyncio.timeout_at(ends):
                return await self._guard.addresses(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"looking up {host} takes too long") from None
        except OSError as error:
            raise httpcore.ConnectError(f"{host} has no address: {error}") from error
