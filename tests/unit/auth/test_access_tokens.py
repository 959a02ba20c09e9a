"""Which access tokens are believed: real keys, real signatures."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from api.auth.signed import LEEWAY_SECONDS, MAX_TOKEN_CHARACTERS, BadTokenError, Verifier
from api.auth.tokens import AccessTokens
from storage.tenancy import Claims
from tests.tokens import (
    ISSUER,
    KEY,
    KID,
    NOW,
    ORG,
    USER,
    access_claims,
    encoded,
    part,
    signed,
    signed_raw,
    verifier,
    without_absent,
)

OF_ISSUER = json.dumps({"iss": ISSUER}).encode()


def accepting(*verifiers: Verifier) -> AccessTokens:
    return AccessTokens({one.issuer: one for one in verifiers or (verifier(),)})


def token(**changed: Any) -> str:
    return signed(access_claims(**changed))


async def refusal(text: str, *by: Verifier) -> str:
    with pytest.raises(BadTokenError) as caught:
        await accepting(*by).verify(text)
    return str(caught.value)


async def test_a_good_token_is_believed():
    tokens = accepting()
    assert await tokens.verify(token()) == Claims(USER, ORG)
    assert await tokens.verify(token(aud=["other", "augentis"])) == Claims(USER, ORG)
    workspace = uuid4()
    assert await tokens.verify(token(workspace_id=str(workspace))) == Claims(USER, ORG, workspace)
    for empty in (None, ""):
        assert await tokens.verify(token(workspace_id=empty)) == Claims(USER, ORG)
    for kind in ("JWT", "jwt", "at+jwt", "application/at+JWT", ...):
        assert await tokens.verify(signed(access_claims(), typ=kind)) == Claims(USER, ORG)


@pytest.mark.parametrize("missing", ["aud", "sub", "org_id", "iat", "exp"])
async def test_a_claim_that_is_missing(missing: str):
    for absent in (..., None):
        gone: dict[str, Any] = {missing: absent}
        assert missing in await refusal(token(**gone))


@pytest.mark.parametrize(
    "issuer", ["https://other.example", ["https://issuer.example"], {}, 1, None, "", ...]
)
async def test_an_issuer_that_is_not_accepted(issuer: Any):
    assert "no issuer" in await refusal(token(iss=issuer))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"aud": "other"}, "aud"),
        ({"aud": ["other"]}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": {"augentis": 1}}, "aud"),
        ({"aud": ["augentis", 1]}, "aud"),
        ({"exp": NOW - LEEWAY_SECONDS}, "expired"),
        ({"exp": "tomorrow"}, "exp"),
        ({"exp": str(NOW + 60)}, "exp"),
        ({"exp": True}, "exp"),
        ({"exp": [NOW + 60]}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"exp": float("inf")}, "exp"),
        ({"iat": NOW + LEEWAY_SECONDS + 1}, "future"),
        ({"iat": "now"}, "iat"),
        ({"nbf": NOW + LEEWAY_SECONDS + 1}, "not yet"),
        ({"nbf": "later"}, "nbf"),
        ({"jti": 1}, "jti"),
        ({"sub": "ann"}, "sub is no UUID"),
        ({"sub": 42}, "sub"),
        ({"sub": ""}, "sub"),
        ({"org_id": "acme"}, "org_id is no UUID"),
        ({"org_id": ["acme"]}, "org_id is no UUID"),
        ({"org_id": {}}, "org_id"),
        ({"workspace_id": "main"}, "workspace_id is no UUID"),
        ({"workspace_id": 0}, "workspace_id is no UUID"),
    ],
    ids=str,
)
async def test_a_claim_that_is_wrong(changed: dict[str, Any], reason: str):
    assert reason in await refusal(token(**changed))


async def test_clocks_may_differ_a_little():
    edge = LEEWAY_SECONDS - 1
    assert LEEWAY_SECONDS <= 60
    assert await accepting().verify(token(exp=NOW - edge)) == Claims(USER, ORG)
    assert await accepting().verify(token(iat=NOW + edge, nbf=NOW + edge)) == Claims(USER, ORG)


async def test_issuers_are_told_apart_and_no_key_is_good_for_another():
    other_key = ECKey.generate_key("P-256", {"kid": KID})  # even under the same id
    ours, other = verifier(), verifier(other_key, issuer="https://other.example")
    tokens = accepting(ours, other)
    assert await tokens.verify(token()) == Claims(USER, ORG)
    theirs = access_claims(iss=other.issuer)
    assert await tokens.verify(signed(theirs, other_key)) == Claims(USER, ORG)
    assert "signature" in await refusal(signed(theirs, KEY), ours, other)
    assert "signature" in await refusal(signed(access_claims(), other_key), ours, other)
    assert "no issuer" in await refusal(signed(theirs, other_key), ours)


async def test_the_issuer_that_is_chosen_is_compared_again():
    """Whatever the mapping says: a verifier believes its own name alone."""
    misnamed = AccessTokens({"https://other.example": verifier()})
    with pytest.raises(BadTokenError, match="iss"):
        await misnamed.verify(token(iss="https://other.example"))


async def test_one_algorithm_an_issuer():
    rsa = RSAKey.generate_key(2048, {"kid": KID})
    of_rsa = signed(access_claims(), rsa, "RS256")
    assert await accepting(verifier(rsa, algorithm="RS256")).verify(of_rsa) == Claims(USER, ORG)
    await refusal(of_rsa)
    await refusal(of_rsa, verifier(KEY, rsa))
    await refusal(token(), verifier(rsa, algorithm="RS256"))
    other_curve = ECKey.generate_key("P-384", {"kid": KID})
    await refusal(signed(access_claims(), other_curve, "ES384"), verifier(other_curve))


@pytest.mark.parametrize(
    ("algorithm", "make"),
    [
        ("RS256", lambda: RSAKey.generate_key(2048, auto_kid=True)),
        ("EdDSA", lambda: OKPKey.generate_key("Ed25519", auto_kid=True)),
    ],
)
@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
async def test_other_algorithms_work_where_they_are_configured(algorithm: str, make: Callable[[], Any]):
    key = make()
    by = verifier(key, algorithm=algorithm)
    assert await accepting(by).verify(signed(access_claims(), key, algorithm)) == Claims(USER, ORG)
    await refusal(token(), by)


async def test_a_key_is_found_by_its_id_alone():
    await refusal(signed(access_claims(), ECKey.generate_key("P-256", {"kid": KID})))
    assert "not one of" in await refusal(signed(access_claims(), kid="other"))
    for kid in (..., None, 7, [KID]):
        head = without_absent({"alg": "ES256", "kid": kid})
        assert "which key" in await refusal(signed_raw(head, OF_ISSUER))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "compact"),
        ("a.b", "compact"),
        ("a.b.c.d.e", "compact"),
        ("a.b.c", "read"),
        ("Ä.b.c", "compact"),
        (f"{part({})}.{part({})}.x", "read"),
        (f"{part(['alg'])}.{part({})}.x", "objects"),
        (f"{part('alg')}.{part({})}.x", "objects"),
        (f"{part({'alg': 'ES256'})}.{part([])}.x", "objects"),
        (f"{part({'alg': 'ES256'})}.{part('a.b.c')}.x", "objects"),
        (f"{part({'alg': 'ES256'})}.abc.x", "read"),
        ("x" * (MAX_TOKEN_CHARACTERS + 1), "long"),
    ],
    ids=lambda text: text[:20],
)
async def test_what_is_no_token_is_refused(text: str, reason: str):
    assert reason in await refusal(text)


async def test_nesting_that_is_too_deep_to_read_is_refused():
    deep = b"[" * 2900
    assert "read" in await refusal(signed_raw({"alg": "ES256", "kid": KID}, deep))
    assert "read" in await refusal(f"{encoded(deep)}.{part({})}.x")
    assert "read" in await refusal(f"{part({'alg': 'ES256'})}.{encoded(b'9' * 5000)}.x")


@pytest.mark.parametrize("extension", [{"crit": ["exp"]}, {"crit": []}, {"b64": True}, {"crit": 5}], ids=str)
async def test_extensions_are_refused(extension: dict[str, Any]):
    head = {"alg": "ES256", "kid": KID, **extension}
    assert "extensions" in await refusal(signed_raw(head, OF_ISSUER))


@pytest.mark.parametrize("kind", ["logout+jwt", "dpop+jwt", "secevent+jwt", "", 1, None])
async def test_a_token_that_says_it_is_something_else_is_refused(kind: Any):
    head = {"alg": "ES256", "kid": KID, "typ": kind}
    assert "type" in await refusal(signed_raw(head, OF_ISSUER))


async def test_a_changed_payload_is_refused():
    head, _, signature = token().split(".")
    assert "signature" in await refusal(f"{head}.{part(access_claims(org_id=str(uuid4())))}.{signature}")
