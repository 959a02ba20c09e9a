"""What somebody may write as a webhook's address to reach what is not theirs, and the same in honesty.

Each row goes the whole way: the client, its transport, its sockets. Names are looked up in `NAMES`; every
address of this internet is the one server on loopback, and what is connected to is written down.
"""
# ruff: noqa: RUF001 - digits that are no digits are the point

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

import httpcore
import httpx
import pytest

from guarded import Allowed, Guard, RefusedError, check, client
from tests.web import answer, serving

PUBLIC, PUBLIC_6 = "93.184.215.14", "2606:4700::1111"
NAMES = {
    "public.example": [PUBLIC],
    "public6.example": [PUBLIC_6, PUBLIC],
    "xn--bcher-kva.example": [PUBLIC],
    "loopback.example": ["127.0.0.1"],
    "loopback6.example": ["::1"],
    "mapped.example": ["::ffff:10.0.0.5"],
    "metadata.example": ["169.254.169.254"],
    "mixed.example": [PUBLIC, "10.0.0.5"],
    "mixed-first.example": ["10.0.0.5", PUBLIC],
    "mixed6.example": [PUBLIC_6, "fd00::5"],
    "scoped.example": ["fe80::1%2"],
    "nat64.example": ["64:ff9b::a00:5"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "db": ["10.0.0.5"],
    "alerts.internal": ["10.0.0.5"],
}
REBOUND = "rebound.example"
TLS = httpx.create_ssl_context()
"""Made once: nothing here is over TLS, and it takes 20 ms."""

ADDRESSES = [
    *("127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200"),  # noqa: S104
    *(
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
    ),
    *("198.51.100.1", "203.0.113.9", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "168.63.129.16"),
    *(
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:169.254.169.254]",
    ),
    *(
        "[::127.0.0.1]",
        "[::ffff:0:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1]",
    ),
    *("[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fc00::1]", "[fd00:ec2::254]", "[fe80::1]", "[fec0::1]"),
    *("[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[2606:4700::5efe:10.0.0.1]"),
]
ALLOWED = [(f"http://{host}/", host.strip("[]"), f"http://{host}/") for host in ADDRESSES]
"""An attack, what the operator allows, and what is then answered."""

ALLOWED += [
    ("http://127。0。0。1/", "127.0.0.1", "http://127。0。0。1/"),
    ("http://localhost/", "localhost", "http://localhost/"),
    ("http://LOCALHOST/", "localhost", "http://LOCALHOST/"),
    ("http://api.localhost/", "127.0.0.0/8", "http://api.localhost/"),
    ("http://db/", "db", "http://db/"),
    ("http://alerts.internal/", "10.0.0.0/8", "http://alerts.internal/"),
    ("http://loopback.example/", "127.0.0.1", "http://loopback.example/"),
    ("http://loopback6.example/", "::1", "http://loopback6.example/"),
    ("http://mapped.example/", "10.0.0.0/8", "http://mapped.example/"),
    ("http://metadata.example/", "metadata.example", "http://metadata.example/"),
    ("http://mixed.example/", "10.0.0.5", "http://mixed.example/"),
    ("http://mixed-first.example/", "10.0.0.5", "http://mixed-first.example/"),
    ("http://mixed6.example/", "fd00::/8", "http://mixed6.example/"),
    ("http://scoped.example/", "scoped.example", "http://scoped.example/"),
    ("http://nat64.example/", "64:ff9b::/96", "http://nat64.example/"),
    ("http://127.0.0.1.nip.example/", "127.0.0.1", "http://127.0.0.1.nip.example/"),
    ("http://public.example:22/", "public.example:22", "http://public.example:22/"),
    ("http://public.example:25/", "public.example", "http://public.example:25/"),
    ("http://10.0.0.1:22/", "10.0.0.1:22", "http://10.0.0.1:22/"),
]
REWRITTEN = [
    *[
        (f"http://{host}/", "127.0.0.1", "http://127.0.0.1/")
        for host in (
            *(
                "0177.0.0.1",
                "0177.0.0.01",
                "017700000001",
                "2130706433",
                "127.1",
                "127.0.1",
                "0x7f.1",
                "0X7F.0.0.1",
            ),
            *(
                "0x7f000001",
                "127.0.0.0x1",
                "127.0.0.1.",
                "127.0.0.256",
                "127.0.0.1.5",
                "１２７.0.0.1",
                "①②⑦.0.0.1",
            ),
            *(
                "%31%32%37.0.0.1",
                "127.0.0.1%00.example",
                "127.0.0.1%2e",
                "[127.0.0.1]",
                "[::ffff:0177.0.0.1]",
            ),
        )
    ],
    ("http://localhost./", "localhost", "http://localhost/"),
    ("http://ⓛocalhost/", "localhost", "http://localhost/"),
    ("http://[fe80::1%25eth0]/", "fe80::/10", "http://[fe80::1]/"),
    ("http://[::1%25lo]/", "::1", "http://[::1]/"),
    ("http://127.0.0.1@public.example/", "", "http://public.example/"),
    ("http://public.example:80@127.0.0.1/", "127.0.0.1", "http://127.0.0.1/"),
    ("http://public.example\\@127.0.0.1/", "127.0.0.1", "http://127.0.0.1/"),
    ("http://public.example./", "", "http://public.example/"),
    ("http://bücher.example./", "", "http://bücher.example/"),
    ("http://-public.example/", "", "http://public.example/"),
    ("http://public..example/", "", "http://public.example/"),
    ("http://pub lic.example/", "", "http://public.example/"),
    ("http://public\t.example/", "", "http://public.example/"),
    ("http://" + "a" * 64 + ".example/", "", "http://public.example/"),
    ("http:///public.example/", "", "http://public.example/"),
    ("http://", "", "http://public.example/"),
    ("//public.example/", "", "http://public.example/"),
    ("public.example", "", "http://public.example/"),
    ("file:///etc/passwd", "", "http://public.example/etc/passwd"),
    ("ftp://public.example/", "", "http://public.example/"),
    ("gopher://127.0.0.1:6379/_", "127.0.0.1", "http://127.0.0.1:6379/_"),
    ("unix:///var/run/docker.sock", "", "http://public.example/"),
    ("http://public.example:0/", "", "http://public.example:8080/"),
    ("http://public.example:-1/", "", "http://public.example:1024/"),
    ("http://public.example:65536/", "", "http://public.example:65535/"),
    ("http://public.example:8 0/", "", "http://public6.example:80/"),
    ("http://[2606:4700::1111/", "", "http://[2606:4700::1111]/"),
]
"""An attack that no list allows, and how the same is written in honesty, with what is allowed for that."""


REFUSED = (RefusedError, httpx.InvalidURL)
"""What httpx cannot read it refuses by itself, before the guard sees it."""


@dataclass
class Internet:
    """The client's view: names that are found, addresses that were connected to, how often was looked up."""

    port: int
    contacted: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)

    async def look_up(self, name: str, _: int) -> Sequence[str]:
        self.looked_up.append(name)
        if name == REBOUND:
            return [PUBLIC] if self.looked_up == [name] else ["127.0.0.1"]
        return NAMES.get(name, ["127.0.0.1"])

    def guard(self, allowed: str = "") -> Guard:
        return Guard(Allowed.parse(allowed), self.look_up)


@asynccontextmanager
async def internet_of(monkeypatch: pytest.MonkeyPatch, answering: bytes) -> AsyncIterator[Internet]:
    connect = httpcore.AnyIOBackend.connect_tcp
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: TLS)
    async with serving(answering) as site:
        internet = Internet(site.port)

        async def to_the_site(
            self: httpcore.AnyIOBackend, host: str, _port: int, *rest: object
        ) -> httpcore.AsyncNetworkStream:
            internet.contacted.append(host)
            return await connect(self, "127.0.0.1", site.port, *rest)  # type: ignore[arg-type]  # what it was called with

        monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", to_the_site)
        yield internet


@pytest.fixture
async def internet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Internet]:
    async with internet_of(monkeypatch, answer("200 OK", "here")) as made:
        yield made


async def fetch(guard: Guard, url: str) -> int:
    async with client(guard, 5.0, 1000) as http:
        return (await http.get(url)).status_code


@pytest.mark.parametrize(("attack", "allowed", "control"), [*ALLOWED, *REWRITTEN])
async def test_an_attack_reaches_nobody_and_its_honest_form_is_answered(internet, attack, allowed, control):
    with pytest.raises(REFUSED):
        await fetch(internet.guard(), attack)
    assert internet.contacted == []
    assert await fetch(internet.guard(allowed), control) == 200
    assert len(internet.contacted) == 1


@pytest.mark.parametrize(("attack", "allowed", "_"), REWRITTEN)
async def test_what_is_written_to_be_misread_is_refused_even_where_its_target_is_allowed(
    internet, attack, allowed, _
):
    with pytest.raises(RefusedError):
        check(attack, Allowed.parse(allowed))
    with pytest.raises(REFUSED):
        await fetch(internet.guard(allowed), attack)
    assert internet.contacted == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        (f"http://{PUBLIC}/", PUBLIC),
        (f"http://[{PUBLIC_6}]/", PUBLIC_6),
        ("http://[::ffff:8.8.8.8]/", "8.8.8.8"),
        ("http://[64:ff9b::8.8.8.8]/", "64:ff9b::808:808"),
        ("http://[2606:4700::5efe:8.8.8.8]/", "2606:4700::5efe:808:808"),
        ("http://public.example/", PUBLIC),
        ("http://PUBLIC.example:8080/", PUBLIC),
        ("http://public6.example/", PUBLIC_6),
        ("http://bücher.example/", PUBLIC),
        (f"http://{PUBLIC.replace('.', '。')}/", PUBLIC),
    ],
)
async def test_what_is_public_is_connected_to_at_the_address_that_was_judged(internet, url, address):
    assert await fetch(internet.guard(), url) == 200
    assert internet.contacted == [address]


async def test_addresses_are_not_looked_up_and_names_once(internet):
    await fetch(internet.guard(), f"http://{PUBLIC}/")
    assert internet.looked_up == []
    await fetch(internet.guard(), "http://public.example/")
    assert internet.looked_up == ["public.example"]


async def test_a_guard_judges_by_itself_whoever_asks_it(internet):
    for host in ("127.0.0.1", "localhost", "0x7f.1"):
        with pytest.raises(RefusedError):
            await internet.guard().addresses(host, 25)
    assert internet.looked_up == []
    assert await internet.guard("127.0.0.1:25").addresses("127.0.0.1", 25) == [ip_address("127.0.0.1")]
    assert await internet.guard().addresses("public.example", 25) == [ip_address(PUBLIC)]


async def test_a_name_that_is_bound_to_loopback_after_the_check_is_not_followed_there(internet):
    guard = internet.guard()
    assert await fetch(guard, f"http://{REBOUND}/") == 200
    assert (internet.contacted, internet.looked_up) == ([PUBLIC], [REBOUND])
    with pytest.raises(RefusedError):
        await fetch(guard, f"http://{REBOUND}/")
    assert internet.contacted == [PUBLIC]
    assert await fetch(internet.guard("127.0.0.0/8"), f"http://{REBOUND}/") == 200
    assert internet.contacted == [PUBLIC, "127.0.0.1"]


async def test_a_redirect_is_an_answer_and_where_it_leads_is_judged_like_any_other(monkeypatch):
    moved = answer("302 Found", "", "Location: http://127.0.0.1/")
    async with internet_of(monkeypatch, moved) as internet, client(internet.guard(), 5.0, 1000) as http:
        assert (await http.get("http://public.example/")).status_code == 302
        assert internet.contacted == [PUBLIC]
        with pytest.raises(RefusedError):
            await http.get("http://public.example/", follow_redirects=True)
        assert internet.contacted == [PUBLIC, PUBLIC]


async def test_no_proxy_of_the_environment_is_asked(internet, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert await fetch(internet.guard(), "http://public.example/") == 200
    assert internet.contacted == [PUBLIC]


def test_the_list_is_long_enough_and_has_no_row_twice():
    attacks = [row[0] for row in (*ALLOWED, *REWRITTEN)]
    assert len(attacks) == len(set(attacks)) >= 40
