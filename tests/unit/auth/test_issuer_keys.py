"""The public keys of an issuer: which are used, when they are read again, and from where."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from api.auth.keys import (
    COOLDOWN_SECONDS,
    MAX_AGE_SECONDS,
    MAX_BYTES,
    IssuerAwayError,
    IssuerKeys,
    loader,
    usable,
)
from guarded import Allowed, RefusedError
from tests.tokens import KEY, KID, jwks
from tests.web import Authority, answer, serving

ALLOWED = Allowed.parse("127.0.0.1")


def test_keys_that_cannot_check_the_algorithm_are_left_out():
    other = ECKey.generate_key("P-256", {"kid": "enc", "use": "enc"})
    wrong = ECKey.generate_key("P-256", {"kid": "alg", "alg": "ES384"})
    nameless = ECKey.generate_key("P-256")
    secret = OctKey.generate_key(256, {"kid": "oct"})
    document = {
        "keys": [
            *json.loads(jwks(KEY, other, wrong, nameless))["keys"],
            secret.as_dict(),
            "x",
            {"kty": "EC", "kid": "y"},
        ]
    }
    assert set(usable(json.dumps(document), "ES256")) == {KID}


def test_short_rsa_keys_are_left_out():
    with pytest.warns(SecurityWarning):
        short = RSAKey.generate_key(1024, {"kid": "short"})
    enough = RSAKey.generate_key(2048, {"kid": "enough"})
    assert set(usable(jwks(short, enough), "RS256")) == {"enough"}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {}}'])
def test_what_is_no_jwks_is_an_error(text: str):
    with pytest.raises(ValueError, match=r"JWKS|Expecting value"):
        usable(text, "ES256")


class Source:
    """A JWKS that changes, or cannot be read, and counts how often it is asked."""

    def __init__(self, *keys: Any) -> None:
        self.keys, self.asked, self.away = keys, 0, False

    async def load(self) -> str:
        self.asked += 1
        if self.away:
            raise OSError("no route")
        return jwks(*self.keys)


async def test_keys_are_read_once_and_again_for_an_unknown_id_but_not_in_the_cooldown():
    now = 0.0
    source = Source(KEY)
    keys = IssuerKeys(source.load, "ES256", lambda: now)
    for _ in range(3):
        assert await keys.find(KID)
    assert source.asked == 1
    for _ in range(3):
        assert await keys.find("new") is None
    assert source.asked == 1
    now += COOLDOWN_SECONDS
    source.keys = (KEY, ECKey.generate_key("P-256", {"kid": "new"}))
    assert await keys.find("new")
    assert source.asked == 2


async def test_a_key_that_is_withdrawn_is_forgotten():
    now = 0.0
    source = Source(KEY)
    keys = IssuerKeys(source.load, "ES256", lambda: now)
    assert await keys.find(KID)
    source.keys = ()
    now += MAX_AGE_SECONDS
    assert await keys.find(KID) is None


async def test_an_issuer_that_is_away_leaves_its_keys():
    now = 0.0
    source = Source(KEY)
    source.away = True
    keys = IssuerKeys(source.load, "ES256", lambda: now)
    with pytest.raises(IssuerAwayError):
        await keys.find(KID)
    now += COOLDOWN_SECONDS
    source.away = False
    assert await keys.find(KID)
    source.away = True
    now += MAX_AGE_SECONDS
    assert await keys.find(KID)


async def test_many_at_once_ask_the_issuer_once():
    source = Source(KEY)
    keys = IssuerKeys(source.load, "ES256", lambda: 0.0)
    assert all(await asyncio.gather(*(keys.find(KID) for _ in range(20))))
    assert source.asked == 1


async def test_keys_come_from_a_file_of_bounded_size(tmp_path: Path):
    file = tmp_path / "jwks.json"
    file.write_text(jwks(KEY))
    load: Callable[[], Awaitable[str]] = loader(str(file), Allowed())
    assert set(usable(await load(), "ES256")) == {KID}
    file.write_text(" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="larger"):
        await load()


@pytest.mark.parametrize("address", ["http://issuer.example/keys", "ftp://x/y", "file:///etc/keys"])
def test_no_other_scheme_than_https(address: str):
    with pytest.raises(ValueError, match="https"):
        loader(address, ALLOWED)


# over https, from a live server


async def test_keys_come_over_https_from_a_server_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    authority = Authority(tmp_path)
    async with serving(answer("200 OK", jwks(KEY)), authority.issue("127.0.0.1")) as issuer:
        load = loader(f"https://127.0.0.1:{issuer.port}/keys", ALLOWED)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await load()
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert set(usable(await load(), "ES256")) == {KID}
        assert "accept: application/json" in issuer.heads[0].lower()


async def test_what_a_server_may_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    authority = Authority(tmp_path)
    pem = authority.issue("127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with serving(answer("200 OK", jwks(KEY)), pem) as elsewhere:
        moved = answer("302 Found", "", f"Location: https://127.0.0.1:{elsewhere.port}/keys")
        async with serving(moved, pem) as issuer:
            with pytest.raises(ValueError, match="answers 302"):
                await loader(f"https://127.0.0.1:{issuer.port}/keys", ALLOWED)()
        assert elsewhere.connections == 0
    async with serving(answer("200 OK", " " * (MAX_BYTES + 1)), pem) as issuer:
        with pytest.raises(httpx.ReadError, match="larger than"):
            await loader(f"https://127.0.0.1:{issuer.port}/keys", ALLOWED)()


async def test_an_issuer_in_our_own_network_is_reached_only_where_it_is_allowed(caplog):
    async with serving(answer("200 OK", jwks(KEY))) as issuer:
        with pytest.raises(RefusedError, match="AUGENTIS_WEBHOOK_ALLOW"):
            loader(f"https://127.0.0.1:{issuer.port}/keys", Allowed())
        # A name is not looked up before keys are asked for, and what it leads to is judged then.
        load = loader("https://localhost/keys", Allowed.parse("10.0.0.0/8"))
        with pytest.raises(IssuerAwayError):
            await IssuerKeys(load, "ES256", lambda: 0.0).find(KID)
        assert issuer.connections == 0
    assert "localhost leads to what is not on the public internet" in caplog.text
