"""Guarded sockets as they are: real ones, to servers on loopback, names by the system, TLS checked."""

import asyncio
import gzip
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from guarded import Allowed, Guard, RefusedError, client, connected
from guarded.sockets import look_up
from tests.web import Authority, answer, serving

HERE = answer("200 OK", "here")


def leading_to(*addresses: str):
    async def found(_name: str, _port: int) -> Sequence[str]:
        return addresses

    return found


async def test_a_server_on_loopback_answers_where_it_is_allowed_and_is_not_contacted_where_it_is_not():
    async with serving(HERE) as site:
        for host, allowed in (("127.0.0.1", "127.0.0.1"), ("localhost", f"localhost:{site.port}")):
            url = f"http://{host}:{site.port}/"
            async with client(Guard(Allowed()), 5.0, 1000) as http:
                with pytest.raises(RefusedError, match="AUGENTIS_WEBHOOK_ALLOW"):
                    await http.get(url)
            await asyncio.sleep(0)
            assert (site.connections, site.heads) == (0, [])
            async with client(Guard(Allowed.parse(allowed)), 5.0, 1000) as http:
                assert (await http.get(url)).text == "here"
            assert (site.connections, site.heads.pop()[:16]) == (1, "GET / HTTP/1.1\r\n")
            site.connections = 0


async def test_the_systems_names_are_found_and_others_are_not_there():
    assert set(await look_up("localhost", 80)) & {"127.0.0.1", "::1"}
    async with client(Guard(Allowed.parse("nowhere.invalid"), leading_to()), 5.0, 1000) as http:
        with pytest.raises(httpx.ConnectError, match="has no address"):
            await http.get("http://nowhere.invalid/")


async def test_the_next_address_of_a_name_is_tried_when_one_does_not_answer():
    async with serving(HERE) as site:
        guard = Guard(Allowed.parse("127.0.0.0/8"), leading_to("127.0.0.2", "127.0.0.1"))
        async with client(guard, 5.0, 1000) as http:
            assert (await http.get(f"http://twice.example:{site.port}/")).text == "here"
        guard = Guard(Allowed.parse("127.0.0.0/8"), leading_to("127.0.0.2", "127.0.0.3"))
        async with client(guard, 5.0, 1000) as http:
            with pytest.raises(httpx.ConnectError):
                await http.get(f"http://twice.example:{site.port}/")


async def test_a_bare_socket_is_judged_and_goes_to_the_next_address_as_well():
    async with serving(HERE) as site:
        guard = Guard(Allowed.parse("127.0.0.0/8"), leading_to("127.0.0.2", "127.0.0.1"))
        socket = await connected(guard, "twice.example", site.port, 5.0)
        assert socket.getpeername() == ("127.0.0.1", site.port)
        socket.close()
        with pytest.raises(RefusedError, match="AUGENTIS_WEBHOOK_ALLOW"):
            await connected(Guard(Allowed(), leading_to("127.0.0.1")), "once.example", site.port, 5.0)
        with pytest.raises(ConnectionRefusedError):
            await connected(Guard(Allowed.parse("127.0.0.3")), "127.0.0.3", site.port, 5.0)


async def test_a_name_server_that_is_silent_is_waited_for_in_vain_only_so_long():
    async def silent(_name: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    async with client(Guard(Allowed(), silent), 0.1, 1000) as http:
        with pytest.raises(httpx.ConnectTimeout, match="looking up"):
            await http.get("http://slow.example/")


async def drip(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"A: b\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("slowly", [drip, drip_headers])
async def test_an_answer_that_never_ends_is_ended(slowly):
    async with serving(slowly) as site, client(Guard(Allowed.parse("127.0.0.1")), 0.3, 1000) as http:
        with pytest.raises(httpx.ReadTimeout, match="in time"):
            await http.get(f"http://127.0.0.1:{site.port}/")


async def test_an_answer_is_so_large_at_most_and_stays_packed():
    packed = gzip.compress(b"\0" * 1_000_000)
    size = len(packed)
    async with serving(answer("200 OK", packed, "Content-Encoding: gzip")) as site:
        url = f"http://127.0.0.1:{site.port}/"
        async with client(Guard(Allowed.parse("127.0.0.1")), 5.0, size) as http:
            assert (await http.get(url)).content == packed
        assert "accept-encoding: identity" in site.heads[0].lower()
        async with client(Guard(Allowed.parse("127.0.0.1")), 5.0, size - 1) as http:
            with pytest.raises(httpx.ReadError, match=f"larger than {size - 1} bytes"):
                await http.get(url)


async def test_tls_is_with_the_host_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    authority = Authority(tmp_path)
    guard = Guard(Allowed.parse("127.0.0.1"), leading_to("127.0.0.1"))
    async with serving(HERE, authority.issue("keys.example")) as site:
        own, other = (f"https://{name}.example:{site.port}/" for name in ("keys", "other"))
        async with client(guard, 5.0, 1000) as http:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get(own)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        async with client(guard, 5.0, 1000) as http:
            assert (await http.get(own)).text == "here"
            with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
                await http.get(other)
            with pytest.raises(httpx.ConnectError, match="IP address mismatch"):
                await http.get(f"https://127.0.0.1:{site.port}/")
        assert site.names == ["keys.example", "keys.example", "other.example", None]
        assert len(site.heads) == 1
