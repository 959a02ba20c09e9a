"""Which tokens are believed: real keys, real signatures, and everything that is known to go wrong."""

import asyncio
import base64
import hmac
import json
import logging
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from api.app import create_app
from api.auth.development import ISSUER, development_key
from api.auth.keys import (
    COOLDOWN_SECONDS,
    MAX_AGE_SECONDS,
    MAX_BYTES,
    IssuerAwayError,
    IssuerKeys,
    loader,
    usable,
)
from api.auth.tokens import LEEWAY_SECONDS, MAX_TOKEN_CHARACTERS, BadTokenError, Verifier
from settings import Settings, SettingsError
from storage.tenancy import Claims
from tests.integration.conftest import open_client
from tests.world import World

NOW = 1_790_000_000
USER, ORG = uuid4(), uuid4()
KEY = ECKey.generate_key("P-256", auto_kid=True)
KID = str(KEY.kid)


def jwks(*keys: Any) -> str:
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


class Held:
    """Keys in memory."""

    def __init__(self, *keys: Any, algorithm: str = "ES256") -> None:
        self._keys = usable(jwks(*keys), algorithm)

    async def find(self, kid: str) -> Any:
        return self._keys.get(kid)


def verifier(*keys: Any, algorithm: str = "ES256") -> Verifier:
    return Verifier(
        "https://issuer.example",
        "augentis",
        algorithm,
        Held(*(keys or (KEY,)), algorithm=algorithm),
        lambda: NOW,
    )


def claims(**changed: Any) -> dict[str, Any]:
    whole = {
        "iss": "https://issuer.example",
        "aud": "augentis",
        "sub": str(USER),
        "org_id": str(ORG),
        "iat": NOW,
        "exp": NOW + 60,
    } | changed
    return {name: value for name, value in whole.items() if value is not ...}


def token(
    key: Any = KEY, algorithm: str = "ES256", header: dict[str, Any] | None = None, **changed: Any
) -> str:
    head = {"alg": algorithm, "kid": KID, **(header or {})}
    head = {name: value for name, value in head.items() if value is not ...}
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    return jwt.encode(head, claims(**changed), key, algorithms=[algorithm], registry=registry)


async def refusal(text: str, by: Verifier | None = None) -> str:
    with pytest.raises(BadTokenError) as caught:
        await (by or verifier()).verify(text)
    return str(caught.value)


async def test_a_good_token_is_believed():
    assert await verifier().verify(token()) == Claims(USER, ORG)
    assert await verifier().verify(token(aud=["other", "augentis"])) == Claims(USER, ORG)
    workspace = uuid4()
    assert await verifier().verify(token(workspace_id=str(workspace))) == Claims(USER, ORG, workspace)
    for empty in (None, ""):
        assert await verifier().verify(token(workspace_id=empty)) == Claims(USER, ORG)


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "org_id", "iat", "exp"])
async def test_a_claim_that_is_missing(missing: str):
    gone: dict[str, Any] = {missing: ...}
    assert missing in await refusal(token(**gone))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"iss": ["https://issuer.example"]},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": {"augentis": 1}},
        {"exp": NOW - LEEWAY_SECONDS},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": NOW + LEEWAY_SECONDS + 1},
        {"nbf": NOW + LEEWAY_SECONDS + 1},
        {"sub": "ann"},
        {"sub": 42},
        {"org_id": "acme"},
        {"org_id": [str(ORG)]},
        {"workspace_id": "main"},
    ],
    ids=str,
)
async def test_a_claim_that_is_wrong(changed: dict[str, Any]):
    await refusal(token(**changed))


async def test_clocks_may_differ_a_little():
    edge = LEEWAY_SECONDS - 1
    assert LEEWAY_SECONDS <= 60
    assert await verifier().verify(token(exp=NOW - edge)) == Claims(USER, ORG)
    assert await verifier().verify(token(iat=NOW + edge, nbf=NOW + edge)) == Claims(USER, ORG)


def part(fields: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


async def test_another_algorithm_is_refused():
    unsigned = f"{part({'alg': 'none', 'kid': KID})}.{part(claims())}."
    await refusal(unsigned)
    await refusal(unsigned + token().rpartition(".")[2])
    # The public key as the secret of an HMAC: the classic.
    body = f"{part({'alg': 'HS256', 'kid': KID})}.{part(claims())}"
    mac = hmac.digest(KEY.as_pem(private=False), body.encode(), "sha256")
    await refusal(f"{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}")
    rsa = RSAKey.generate_key(2048, {"kid": KID})
    await refusal(token(rsa, "RS256"))
    await refusal(token(rsa, "RS256"), verifier(KEY, rsa))


async def test_another_key_is_refused_though_it_says_the_same_id():
    await refusal(token(ECKey.generate_key("P-256", {"kid": KID})))
    assert "does not have" in await refusal(token(header={"kid": "other"}))
    assert "which key" in await refusal(token(header={"kid": ...}))


async def test_a_token_cannot_bring_its_own_key():
    thief = ECKey.generate_key("P-256", {"kid": "mine"})
    own = thief.as_dict(private=False)
    for header in (
        {"kid": "mine", "jwk": own},
        {"kid": KID, "jwk": own},
        {"kid": "mine", "jku": "https://thief.example/keys"},
        {"kid": "mine", "x5u": "https://thief.example/cert"},
    ):
        await refusal(token(thief, header=header))


@pytest.mark.parametrize(
    "text",
    ["", "a", "a.b", "a.b.c", "..", "Ä.b.c", f"{part([])}.{part({})}.x", "x" * (MAX_TOKEN_CHARACTERS + 1)],
)
async def test_what_is_no_token_is_refused(text: str):
    await refusal(text)


async def test_a_changed_payload_is_refused():
    head, _, signature = token().split(".")
    await refusal(f"{head}.{part(claims(org_id=str(uuid4())))}.{signature}")


@pytest.mark.parametrize(
    ("algorithm", "make"),
    [
        ("RS256", lambda: RSAKey.generate_key(2048, {"kid": KID})),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519", {"kid": KID})),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_other_algorithms_work_where_they_are_configured(algorithm: str, make: Callable[[], Any]):
    key = make()
    assert await verifier(key, algorithm=algorithm).verify(token(key, algorithm)) == Claims(USER, ORG)
    await refusal(token(), verifier(key, algorithm=algorithm))


# the issuer's keys


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
    load: Callable[[], Awaitable[str]] = loader(str(file))
    assert set(usable(await load(), "ES256")) == {KID}
    file.write_text(" " * (MAX_BYTES + 1))
    with pytest.raises(ValueError, match="larger"):
        await load()


@pytest.mark.parametrize("address", ["http://issuer.example/keys", "ftp://x/y", "file:///etc/keys"])
def test_keys_come_over_https_or_not_at_all(settings: Settings, address: str):
    configured = settings.model_copy(update={"jwt_issuer": "https://issuer.example", "jwt_jwks": address})
    with pytest.raises(SettingsError, match="AUGENTIS_JWT_JWKS"):
        create_app(configured)


async def test_a_real_issuer_ends_the_development_one(settings: Settings, world: World, tmp_path: Path):
    file = tmp_path / "jwks.json"
    file.write_text(jwks(KEY))
    configured = settings.model_copy(update={"jwt_issuer": "https://issuer.example", "jwt_jwks": str(file)})
    now = int(time.time())
    real = token(sub=str(world.ann), org_id=str(world.a), iat=now, exp=now + 60)
    development = token(
        development_key(settings.home),
        header={"kid": development_key(settings.home).kid},
        iss=ISSUER,
        sub=str(world.ann),
        org_id=str(world.a),
        iat=now,
        exp=now + 60,
    )
    for issuer, believed, refused in ((configured, real, development), (settings, development, real)):
        async with open_client(create_app(issuer)) as http:
            assert (await _me(http, believed)).status_code == 200
            response = await _me(http, refused)
            assert response.status_code == 401
            assert response.json()["type"] == "urn:augentis:problem:bad-token"
            assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def _me(http: httpx.AsyncClient, text: str) -> httpx.Response:
    return await http.get("/v1/me", headers={"Authorization": f"Bearer {text}"})


async def test_keys_that_cannot_be_read_are_503(settings: Settings, tmp_path: Path):
    configured = settings.model_copy(
        update={"jwt_issuer": "https://issuer.example", "jwt_jwks": str(tmp_path / "none.json")}
    )
    async with open_client(create_app(configured)) as http:
        response = await _me(http, token())
    assert response.status_code == 503
    assert response.json()["type"] == "urn:augentis:problem:issuer-away"


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
