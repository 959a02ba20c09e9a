"""Whom an id_token identifies, and which is not believed."""

from typing import Any

import pytest

from api.auth.identities import Provider
from api.auth.signed import LEEWAY_SECONDS, BadTokenError
from storage.tenancy import Identity
from tests.tokens import KEY, NOW, signed, verifier, without_absent

AUDIENCE = "our-client"
PROVIDER = "https://accounts.example"


def provider() -> Provider:
    return Provider("google", verifier(KEY, issuer=PROVIDER, audience=AUDIENCE))


def id_token(**changed: Any) -> str:
    whole = {
        "iss": PROVIDER,
        "aud": AUDIENCE,
        "sub": "1082",
        "iat": NOW,
        "exp": NOW + 60,
        "email": "Ann.Lee@People.Example",
        "email_verified": True,
        "name": "Ann Lee",
    }
    return signed(without_absent(whole | changed))


async def identified(**changed: Any) -> Identity:
    return await provider().verify(id_token(**changed), None)


async def refusal(**changed: Any) -> str:
    with pytest.raises(BadTokenError) as caught:
        await identified(**changed)
    return str(caught.value)


async def test_a_good_id_token_identifies():
    ann = Identity("google", "1082", "Ann.Lee@people.example", "Ann Lee")
    assert await identified() == ann
    assert await identified(email_verified="true") == ann
    assert await identified(aud=[AUDIENCE]) == ann
    assert await identified(aud=[AUDIENCE, "other"], azp=AUDIENCE) == ann
    # With one audience azp may be another: Google's says which of a project's clients asked.
    assert await identified(azp="android-client") == ann
    assert (await identified(sub="x" * 255)).subject == "x" * 255


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"iss": "https://other.example"}, "iss"),
        ({"iss": ...}, "iss"),
        ({"aud": "augentis"}, "aud"),
        ({"aud": ...}, "aud"),
        ({"aud": [AUDIENCE, "other"]}, "azp"),
        ({"aud": [AUDIENCE, "other"], "azp": "other"}, "azp"),
        ({"aud": [AUDIENCE, AUDIENCE]}, "azp"),
        ({"exp": NOW - LEEWAY_SECONDS}, "expired"),
        ({"exp": ...}, "exp"),
        ({"iat": NOW + LEEWAY_SECONDS + 1}, "future"),
        ({"iat": ...}, "iat"),
        ({"sub": ...}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 1082}, "sub"),
        ({"sub": "x" * 256}, "sub"),
        ({"sub": "a\0b"}, "sub"),
        ({"sub": "\u0430nn"}, "sub"),
        ({"email": ...}, "email"),
        ({"email": ""}, "email"),
        ({"email": "ann"}, "e-mail is none"),
        ({"email": "ann@people.example\0"}, "e-mail is none"),
        ({"email": "Max <max@people.example>"}, "e-mail is none"),
        ({"email": ["ann@people.example"]}, "e-mail is none"),
        ({"email": f"{'a' * 300}@people.example"}, "e-mail is none"),
        ({"email_verified": ...}, "email_verified"),
        ({"email_verified": False}, "not verified"),
        ({"email_verified": "false"}, "not verified"),
        ({"email_verified": "yes"}, "not verified"),
        ({"email_verified": 1}, "not verified"),
        ({"email_verified": [True]}, "not verified"),
        # Its user can write this one.
        ({"email_verified": ..., "user_metadata": {"email_verified": True}}, "email_verified"),
        ({"email_verified": False, "user_metadata": {"email_verified": True}}, "not verified"),
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_believed(changed: dict[str, Any], reason: str):
    assert reason in await refusal(**changed)


async def test_the_nonce_is_compared_where_the_client_sent_one():
    assert (await provider().verify(id_token(nonce="n-1"), "n-1")).subject == "1082"
    assert (await provider().verify(id_token(nonce="n-1"), None)).subject == "1082"
    for found in ("n-2", ..., "", 1, ["n-1"], "\u00e9"):
        with pytest.raises(BadTokenError, match="nonce"):
            await provider().verify(id_token(nonce=found), "n-1")
    with pytest.raises(BadTokenError, match="nonce"):
        await provider().verify(id_token(nonce=...), "")


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ann Lee"}, "Ann Lee"),
        ({"name": "  Ann\t\n Lee "}, "Ann Lee"),
        ({"name": "Ann\0Lee"}, "Ann Lee"),
        ({"name": "Ann \ud800Lee"}, "Ann Lee"),
        ({"name": "李"}, "Ann.Lee"),  # the specification wants two characters
        ({"name": "李娜"}, "李娜"),
        ({"name": "x" * 101}, "x" * 100),
        ({"name": f"{'x' * 99} y"}, "x" * 99),
        ({"name": ["Ann"]}, "Ann.Lee"),
        ({"name": ..., "user_metadata": {"full_name": "Ann L."}}, "Ann L."),
        ({"name": ..., "user_metadata": "Ann"}, "Ann.Lee"),
        ({"name": ..., "given_name": "Ann", "family_name": "Lee"}, "Ann Lee"),
        ({"name": ..., "given_name": "Ann"}, "Ann"),
        ({"name": ..., "family_name": "Lee", "given_name": 1}, "Lee"),
        ({"name": ...}, "Ann.Lee"),
        ({"name": "", "email": "a@b.example"}, "a@b.example"),
    ],
    ids=str,
)
async def test_the_name_that_somebody_goes_by(claims: dict[str, Any], name: str):
    assert (await identified(**claims)).full_name == name
