"""Everything that is known to go wrong with tokens, over HTTP: one answer to all of it."""

import asyncio
import logging
import re
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.app import create_app
from api.auth import development, sessions
from api.auth.development import development_key
from api.auth.sessions import session_key
from settings import OidcProvider, Settings, SettingsError
from storage.tenancy import Claims
from tests.databases import SECRET
from tests.forged import HOSTILE, THIEF, Forger
from tests.integration.conftest import Tokens, open_client
from tests.tokens import ISSUER, KEY, jwks, signed
from tests.world import World

BEARER = 'Bearer realm="augentis"'


@pytest.fixture
def configured(settings: Settings, tmp_path: Path) -> Settings:
    """The settings with a real issuer: KEY's."""
    file = tmp_path / "jwks.json"
    file.write_text(jwks(KEY))
    return settings.model_copy(update={"jwt_issuer": ISSUER, "jwt_jwks": str(file)})


@pytest.fixture
async def real(configured: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with open_client(create_app(configured)) as client:
        yield client


async def _me(http: httpx.AsyncClient, *authorization: str) -> httpx.Response:
    return await http.get("/v1/me", headers=[("Authorization", value) for value in authorization])


def _told(response: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Everything that the answer says, but for what differs between any two answers."""
    body = response.json()
    assert body.pop("request_id") == response.headers["x-request-id"]
    counted = re.compile("x-request-id|content-length|ratelimit.*")
    headers = {name: value for name, value in response.headers.items() if not counted.fullmatch(name)}
    return response.status_code, body, headers


@pytest.mark.parametrize("name", HOSTILE)
async def test_every_bad_token_gets_the_same_answer(real: httpx.AsyncClient, world: World, name: str):
    forger = Forger(world)
    assert (await _me(real, f"Bearer {forger.good()}")).status_code == 200
    status, body, headers = _told(await _me(real, f"Bearer {HOSTILE[name](forger)}"))
    assert status == 401
    assert body == {
        "type": "urn:augentis:problem:bad-token",
        "title": "The token is not valid",
        "status": 401,
        "instance": "/v1/me",
    }
    assert headers["www-authenticate"] == f'{BEARER}, error="invalid_token"'
    assert (status, body, headers) == _told(await _me(real, "Bearer nonsense"))


async def test_good_tokens_in_unusual_form(real: httpx.AsyncClient, world: World):
    forger = Forger(world)
    for value in (
        f"bearer {forger.good()}",  # a scheme's case does not matter (RFC 9110, 11.1)
        f"BEARER  {forger.good()}",
        f"Bearer {forger.but(aud=['other', 'augentis'])}",
        f"Bearer {forger.but(role='VIEWER', email='x')}",
        f"Bearer {forger.good(typ=...)}",
        f"Bearer {forger.raw(x5t='abc', cty='json')}",
    ):
        assert (await _me(real, value)).status_code == 200, value


async def test_an_address_in_a_token_is_never_asked(real: httpx.AsyncClient, world: World):
    """A token that is good stays good whatever it names; who is named hears nothing of it."""
    asked = 0

    def count(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        for field in ("jku", "x5u"):
            assert (await _me(real, f"Bearer {Forger(world).raw(**{field: address})}")).status_code == 200
            stolen = Forger(world).by(THIEF, **{field: address})
            assert (await _me(real, f"Bearer {stolen}")).status_code == 401
    assert asked == 0


async def test_no_token_is_another_answer_and_says_what_to_send(real: httpx.AsyncClient, world: World):
    good = Forger(world).good()
    for sent in ((), ("",), ("Bearer",), ("Bearer ",), ("Basic YTpi",), (f"Token {good}",), (good,)):
        response = await _me(real, *sent)
        assert response.status_code == 401
        assert response.json()["type"] == "urn:augentis:problem:no-token"
        assert response.headers["www-authenticate"] == BEARER
        assert "Authorization: Bearer" in response.json()["detail"]


async def test_two_headers_are_refused_though_each_is_good(real: httpx.AsyncClient, world: World):
    good = f"Bearer {Forger(world).good()}"
    for sent in ((good, good), (good, "Basic YTpi"), ("Basic YTpi", good)):
        response = await _me(real, *sent)
        assert response.status_code == 401
        assert response.json()["type"] == "urn:augentis:problem:bad-token"


async def test_why_is_in_the_log_alone(
    real: httpx.AsyncClient, world: World, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.INFO, "api"):
        response = await _me(real, f"Bearer {Forger(world).but(exp=1)}")
        forged = Forger(world).raw(alg="ES256\nrequest 1: all is well")
        evil = await _me(real, f"Bearer {forged}")
    lines = [record.getMessage() for record in caplog.records if record.name == "api.asking"]
    assert len(lines) == 2
    assert f"request {response.headers['x-request-id']}: " in lines[0]
    assert "expired" in lines[0]
    assert evil.headers["x-request-id"] in lines[1]
    assert "\n" not in lines[1]


# several issuers


def session_of(settings: Settings, claims: Claims) -> str:
    issuer = sessions.SessionIssuer(session_key(SECRET), settings.jwt_audience, 60, time.time)
    return issuer.mint(claims, {})


async def test_a_real_issuer_ends_the_development_one_and_sessions_go_on(
    settings: Settings, configured: Settings, world: World, bearer: Tokens
):
    of_development = bearer("ann")["Authorization"]
    of_issuer = f"Bearer {Forger(world).good()}"
    of_session = f"Bearer {session_of(settings, world.claims('ann'))}"
    for app, believed, refused in (
        (configured, of_issuer, of_development),
        (settings, of_development, of_issuer),
    ):
        async with open_client(create_app(app)) as http:
            assert (await _me(http, believed)).status_code == 200
            assert (await _me(http, of_session)).status_code == 200
            assert (await _me(http, refused)).status_code == 401


async def test_each_issuer_has_its_own_key(settings: Settings, world: World):
    development_own, own = development_key(settings.home), session_key(SECRET)
    async with open_client(create_app(settings)) as http:
        for issuer, key, kid, status in (
            (development.ISSUER, development_own, development_own.kid, 200),
            (sessions.ISSUER, own, own.kid, 200),
            (development.ISSUER, own, own.kid, 401),
            (development.ISSUER, own, development_own.kid, 401),
            (sessions.ISSUER, development_own, development_own.kid, 401),
            (sessions.ISSUER, development_own, own.kid, 401),
        ):
            token = signed(Forger(world).claims(iss=issuer), key, kid=kid)
            assert (await _me(http, f"Bearer {token}")).status_code == status, (issuer, kid)


async def test_the_public_key_of_sessions_is_served_to_anybody(http: httpx.AsyncClient):
    response = await http.get("/.well-known/jwks.json")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=600"
    (key,) = response.json()["keys"]
    assert key["kid"] == session_key(SECRET).kid
    assert "d" not in key


async def test_keys_that_cannot_be_read_are_503(settings: Settings, world: World, tmp_path: Path):
    configured = settings.model_copy(update={"jwt_issuer": ISSUER, "jwt_jwks": str(tmp_path / "none.json")})
    async with open_client(create_app(configured)) as http:
        response = await _me(http, f"Bearer {Forger(world).good()}")
        assert response.status_code == 503
        assert response.json()["type"] == "urn:augentis:problem:issuer-away"
        # Nobody else's tokens wait for that issuer.
        session = session_of(settings, world.claims("ann"))
        assert (await _me(http, f"Bearer {session}")).status_code == 200


@pytest.mark.parametrize("address", ["http://issuer.example/keys", "ftp://x/y", "file:///etc/keys"])
def test_keys_come_over_https_or_not_at_all(settings: Settings, address: str):
    configured = settings.model_copy(update={"jwt_issuer": ISSUER, "jwt_jwks": address})
    with pytest.raises(SettingsError, match="AUGENTIS_JWT_JWKS"):
        create_app(configured)


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1:8443/keys", "https://[fd00::1]/keys", "https://idp.internal/keys"]
)
def test_an_issuer_on_premise_is_named_in_the_list_of_what_may_be_reached(settings: Settings, address: str):
    provider = OidcProvider(issuer="https://idp.example", audience="us", jwks=address)
    by_token = settings.model_copy(update={"jwt_issuer": ISSUER, "jwt_jwks": address})
    by_sign_in = settings.model_copy(update={"oidc_providers": {"google": provider}})
    for configured, name in (
        (by_token, "AUGENTIS_JWT_JWKS"),
        (by_sign_in, "AUGENTIS_OIDC_PROVIDERS.google.jwks"),
    ):
        with pytest.raises(SettingsError, match=rf"{name}: .* AUGENTIS_WEBHOOK_ALLOW"):
            create_app(configured)
        create_app(configured.model_copy(update={"webhook_allow": "127.0.0.1:8443,fd00::/8,idp.internal"}))
        with pytest.raises(SettingsError, match=r"AUGENTIS_WEBHOOK_ALLOW: 10.0.0.1/8"):
            create_app(configured.model_copy(update={"webhook_allow": "10.0.0.1/8"}))


def test_no_issuer_takes_the_name_of_our_sessions(configured: Settings):
    with pytest.raises(SettingsError, match="AUGENTIS_JWT_ISSUER: urn:augentis:sessions"):
        create_app(configured.model_copy(update={"jwt_issuer": sessions.ISSUER}))


# the development issuer


def test_development_tokens_are_warned_of(settings: Settings, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.WARNING):
        app: FastAPI = create_app(settings)
    assert "AUGENTIS_JWT_ISSUER is not set" in caplog.text
    assert app.state.services


def test_two_processes_at_once_end_with_one_key(home: Path):
    script = (
        "import sys; from pathlib import Path; from api.auth.development import development_key;"
        "print(development_key(Path(sys.argv[1])).kid)"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    kids = {process.communicate()[0] for process in started}
    assert kids == {f"{development_key(home).kid}\n"}
    files = list((home / "dev-issuer").iterdir())
    assert [file.name for file in files] == ["key.json"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "dev-issuer").stat().st_mode) == 0o700
