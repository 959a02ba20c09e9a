"""Our own issuer: one key for all processes of an installation, and none for another's."""

import json

import pytest
from joserfc import jwt

from api.auth.keys import usable
from api.auth.sessions import ISSUER, SessionIssuer, session_key
from api.auth.signed import BadTokenError
from api.auth.tokens import AccessTokens
from storage.tenancy import Claims
from tests.databases import SECRET
from tests.tokens import NOW, ORG, USER

LIFE = 3600


def issuer(secret: str = SECRET, now: float = NOW) -> SessionIssuer:
    return SessionIssuer(session_key(secret), "augentis", LIFE, lambda: now)


def accepting(by: SessionIssuer) -> AccessTokens:
    return AccessTokens({ISSUER: by.verifier()})


async def test_the_key_follows_from_the_secret():
    assert session_key(SECRET).as_dict(private=True) == session_key(SECRET).as_dict(private=True)
    token = issuer().mint(Claims(USER, ORG), {})
    assert await accepting(issuer()).verify(token) == Claims(USER, ORG)  # another process
    with pytest.raises(BadTokenError, match="not one of"):
        await accepting(issuer(SECRET + "?")).verify(token)


def test_the_key_stays_what_it_was():
    """Sessions outlive an upgrade: this id changes only when the derivation does."""
    assert session_key(SECRET).kid == "k7JUBuruc-jBN4Jj2lCnsLdSfKFSUiz8QtCYilm4Tfk"


async def test_a_session_ends():
    token = issuer().mint(Claims(USER, ORG), {})
    with pytest.raises(BadTokenError, match="expired"):
        await accepting(issuer(now=NOW + LIFE + 31)).verify(token)


def test_the_claims_are_the_specifications():
    workspace = ORG
    described = {"email": "ann@people.example", "role": "ADMIN"}
    texts = [issuer().mint(Claims(USER, ORG, workspace), described) for _ in range(2)]
    first, second = (jwt.decode(text, session_key(SECRET), algorithms=["ES256"]).claims for text in texts)
    assert first.pop("jti") != second.pop("jti")
    assert first == {
        "iss": ISSUER,
        "aud": "augentis",
        "iat": NOW,
        "exp": NOW + LIFE,
        "sub": str(USER),
        "org_id": str(ORG),
        "workspace_id": str(workspace),
        **described,
    }


def test_only_the_public_half_is_shown():
    document = issuer().jwks()
    (key,) = document["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert set(usable(json.dumps(document), "ES256")) == {session_key(SECRET).kid}
