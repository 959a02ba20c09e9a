"""Which IP addresses are the public internet's, and what the others are. Pure."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA's special-purpose registries. `is_global` alone says yes to multicast, 6to4, site-local and much that
# is not assigned, and what it says differs between Python's versions.
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), kind)
    for kind, networks in {
        "this machine": ("0.0.0.0/8", "127.0.0.0/8", "::/128", "::1/128"),
        "a private network": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
        "a carrier's private network": ("100.64.0.0/10",),
        "link-local, where clouds keep their metadata": ("169.254.0.0/16", "fe80::/10"),
        "a cloud's own service": ("168.63.129.16/32",),  # Azure's, at an address that looks public
        "reserved for protocols": ("192.0.0.0/24", "240.0.0.0/4", "2001::/23"),
        "for documentation": (
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "2001:db8::/32",
            "3fff::/20",
        ),
        "for benchmarks": ("198.18.0.0/15",),
        "multicast": ("224.0.0.0/4", "ff00::/8"),
        "a tunnel of IPv4 and IPv6": ("192.88.99.0/24", "2002::/16"),
    }.items()
    for network in networks
)
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def plain(address: Address) -> Address:
    """Return the IPv4 address that is meant by ::ffff:0:0/96, any other address as it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def not_public(address: Address) -> str | None:
    """Return what an address is that the public internet does not route; None for one that it does.

    IPv4 that an IPv6 address carries is judged as well.
    """
    address = plain(address)
    for network, kind in _SPECIAL:
        if address in network:
            return kind
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return "an interface of this machine"
        carried = _carried(address)
        if carried is not None and (kind_of_it := not_public(carried)):
            return f"IPv6 for {kind_of_it}"
        if address not in _UNICAST and address not in _NAT64:
            return "outside of what is assigned to the internet"
    return None if address.is_global else "not routed"


def _carried(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address at the end of a NAT64 (RFC 6052) or ISATAP (RFC 5214) address."""
    bits = int(address)
    if address in _NAT64 or (bits >> 32 & 0xFFFFFFFF) in _ISATAP:
        return IPv4Address(bits & 0xFFFFFFFF)
    return None
