"""What the operator allows beside the public internet (AUGENTIS_WEBHOOK_ALLOW). Pure."""

import re
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Self

from guarded.addresses import Address, Network, not_public
from guarded.hosts import Host, RefusedError, is_local, read

_HOST_AND_PORT = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<other>[^\[\]:]*))(?::(?P<port>[0-9]{1,5}))?")
HINT = "if it is your own, name it in AUGENTIS_WEBHOOK_ALLOW"
_FORMS = "write hosts, host:port and networks, as in alerts.corp:9093,10.0.0.0/8"
PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Networks and hosts, each with the one port it is allowed at, None for all."""

    networks: frozenset[tuple[Network, int | None]] = frozenset()
    names: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def parse(cls, text: str | None) -> Self:
        """Return what a list says: hosts, host:port and networks (10.0.0.0/8), commas between.

        Raises:
            ValueError: an entry is none of these; the message names it.
        """
        entries = [_entry(part.strip()) for part in (text or "").split(",") if part.strip()]
        return cls.of(*entries)

    @classmethod
    def of(cls, *entries: tuple[Host | Network, int | None]) -> Self:
        """Return these hosts and networks, at these ports; an IP address is a network of itself."""
        networks, names = set(), set()
        for host, port in entries:
            if isinstance(host, str):
                names.add((host, port))
            else:
                networks.add((ip_network(host), port))
        return cls(frozenset(networks), frozenset(names))

    def vouches_for(self, host: Host, port: int) -> bool:
        """Whether the list has this name, or this address, at this port."""
        if isinstance(host, str):
            return not self.names.isdisjoint({(host, port), (host, None)})
        return any(host in network for network, at in self.networks if at in {port, None})

    def check(self, host: Host, port: int) -> None:
        """Judge what can be judged of a host before its name is looked up.

        Raises:
            RefusedError: an address that is neither public nor listed, or a name that can only be local where
                the list has neither it nor any network.
        """
        if self.vouches_for(host, port):
            return
        if not isinstance(host, str):
            if kind := not_public(host):
                raise RefusedError(f"{host} is not on the public internet ({kind}): {HINT}")
        elif is_local(host) and not self.networks:
            raise RefusedError(f"{host} is not a name of the public internet: {HINT}")

    def check_found(self, name: str, address: Address, port: int) -> None:
        """Judge an address that a name was found to have.

        Raises:
            RefusedError: it is not public, and neither the name nor the address is listed.
        """
        if self.vouches_for(name, port) or self.vouches_for(address, port):
            return
        if not_public(address):
            raise RefusedError(f"{name} leads to what is not on the public internet: {HINT}")


def _entry(text: str) -> tuple[Host | Network, int | None]:
    if "/" in text:
        return _network(text), None
    bare = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    match = _HOST_AND_PORT.fullmatch(bare)
    if match is None or (match["port"] and int(match["port"]) not in PORTS):
        raise ValueError(f"{text}: {_FORMS}")
    return read(match["v6"] or match["other"]), int(match["port"]) if match["port"] else None


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(f"{error}: {_FORMS}") from None
