"""Which addresses are public: the ends of each range with their neighbours, and IPv4 inside of IPv6."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guarded.addresses import not_public

RANGES = [
    ("0.0.0.0", "0.255.255.255", None, "1.0.0.0"),  # noqa: S104  # nothing is bound to it
    ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
    ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
    ("127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
    ("169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
    ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
    ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
    ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
    ("192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
    ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
    ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
    ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
    ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
    ("168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"),
    ("224.0.0.0", "255.255.255.255", "223.255.255.255", None),
    ("::", "1fff:ffff::", None, "2000::"),
    ("2001::", "2001:1ff:ffff::", "2000:ffff::", "2001:200::"),
    ("2001:db8::", "2001:db8:ffff::", "2001:db7:ffff::", "2001:db9::"),
    ("2002::", "2002:ffff:ffff::", "2001:ffff::", "2003::"),
    ("3fff::", "3fff:fff:ffff::", "3ffe:ffff::", "3fff:1000::"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:ffff::", None),
    ("64:ff9b:1::", "64:ff9b:1:ffff::", None, None),
]


@pytest.mark.parametrize(("first", "last", "before", "after"), RANGES, ids=str)
def test_ranges_have_ends(first, last, before, after):
    assert not_public(ip_address(first))
    assert not_public(ip_address(last))
    for neighbour in (before, after):
        assert neighbour is None or not_public(ip_address(neighbour)) is None


@pytest.mark.parametrize(
    ("kind", "addresses"),
    [
        ("this machine", "0.0.0.1 127.0.0.1 :: ::1 ::ffff:127.0.0.1"),
        ("a private network", "10.0.0.1 172.16.0.1 192.168.0.1 fd00::1 fec0::1"),
        ("a carrier's private network", "100.64.0.1"),
        ("link-local, where clouds keep their metadata", "169.254.169.254 fe80::1"),
        ("a cloud's own service", "168.63.129.16"),
        ("reserved for protocols", "192.0.0.1 250.0.0.1 2001::1"),
        ("for documentation", "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1"),
        ("for benchmarks", "198.18.0.1"),
        ("multicast", "224.0.0.1 ff02::1"),
        ("a tunnel of IPv4 and IPv6", "192.88.99.1 2002::1"),
        ("IPv6 for a private network", "64:ff9b::10.0.0.1"),
        ("an interface of this machine", "2606:4700::1%1"),
        ("outside of what is assigned to the internet", "5f00::1"),
    ],
)
def test_what_is_said_of_an_address_is_what_it_is(kind, addresses):
    assert {not_public(ip_address(address)) for address in addresses.split()} == {kind}


FORMS = {
    "mapped": lambda ipv4: 0xFFFF << 32 | ipv4,
    "NAT64": lambda ipv4: 0x0064FF9B << 96 | ipv4,
    "ISATAP": lambda ipv4: 0x26064700 << 96 | 0x5EFE << 32 | ipv4,
    "ISATAP, global": lambda ipv4: 0x26064700 << 96 | 0x02005EFE << 32 | ipv4,
}
NEVER = {
    "compatible": lambda ipv4: ipv4,
    "translated": lambda ipv4: 0xFFFF << 48 | ipv4,
    "6to4": lambda ipv4: 0x2002 << 112 | ipv4 << 80 | 1,
    "Teredo server": lambda ipv4: 0x20010000 << 96 | ipv4 << 64 | 1,
    "Teredo client": lambda ipv4: 0x20010000 << 96 | 0x08080808 << 64 | (ipv4 ^ 0xFFFFFFFF),
    "local NAT64": lambda ipv4: 0x0064FF9B0001 << 80 | ipv4,
}
PRIVATE = ["10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
private = st.sampled_from(PRIVATE).flatmap(
    lambda network: st.integers(0, IPv4Network(network).num_addresses - 1).map(
        lambda place: IPv4Network(network)[place]
    )
)
any_ipv4 = st.integers(0, 2**32 - 1).map(IPv4Address)


@given(private, st.sampled_from([*FORMS.values(), *NEVER.values()]))
def test_no_form_of_ipv6_hides_a_private_address(ipv4, form):
    assert not_public(IPv6Address(form(int(ipv4))))


@given(any_ipv4, st.sampled_from(list(FORMS.values())))
def test_ipv6_that_carries_ipv4_is_as_public_as_that_is(ipv4, form):
    assert (not_public(IPv6Address(form(int(ipv4)))) is None) == (not_public(ipv4) is None)


@given(st.one_of(any_ipv4, st.integers(0, 2**128 - 1).map(IPv6Address)))
def test_what_python_knows_not_to_be_routed_is_not_public(address):
    assert address.is_global or not_public(address)
