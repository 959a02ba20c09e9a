"""Signing in: an id_token of a provider, on real PostgreSQL, to a token that the API believes."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from api.app import create_app
from api.auth.sessions import ISSUER, session_key
from settings import OidcProvider
from tests.databases import SECRET
from tests.integration.conftest import open_client
from tests.tokens import jwks, signed, without_absent
from tests.world import World

GOOGLE = RSAKey.generate_key(2048, auto_kid=True)
SUPABASE = ECKey.generate_key("P-256", auto_kid=True)
FAR = "2100-01-01"


@pytest.fixture
async def http(changing_world: World, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    files = {"google": GOOGLE, "supabase": SUPABASE}
    for name, key in files.items():
        (tmp_path / f"{name}.json").write_text(jwks(key))
    providers = {
        name: OidcProvider(
            issuer=f"https://{name}.example",
            audience="us",
            jwks=str(tmp_path / f"{name}.json"),
            alg=algorithm,
        )
        for name, algorithm in (("google", "RS256"), ("supabase", "ES256"))
    }
    settings = changing_world.database.settings(tmp_path).model_copy(update={"oidc_providers": providers})
    async with open_client(create_app(settings)) as client:
        yield client


def google(who: str, key: Any = GOOGLE, algorithm: str = "RS256", typ: str = "JWT", **changed: Any) -> str:
    """Return an id_token of somebody whose e-mail is `<who>@people.example`."""
    now = int(time.time())
    whole = {
        "iss": "https://google.example",
        "aud": "us",
        "sub": f"google-{who}",
        "iat": now,
        "exp": now + 60,
        "email": f"{who}@people.example",
        "email_verified": True,
        "name": f"{who.title()} Lee",
    }
    return signed(without_absent(whole | changed), key, algorithm, typ=typ)


def supabase(who: str, **changed: Any) -> str:
    return google(who, SUPABASE, "ES256", iss="https://supabase.example", **changed)


async def sign_in(http: httpx.AsyncClient, id_token: str, **more: Any) -> httpx.Response:
    body = {"provider": "google", "id_token": id_token, **more}
    return await http.post("/v1/sessions", json=body)


async def session(http: httpx.AsyncClient, id_token: str, **more: Any) -> dict[str, Any]:
    response = await sign_in(http, id_token, **more)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def problem(
    http: httpx.AsyncClient, status: int, slug: str, id_token: str, **more: Any
) -> dict[str, Any]:
    response = await sign_in(http, id_token, **more)
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:augentis:problem:{slug}"
    return body


def claims_of(body: dict[str, Any]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        body["access_token"], session_key(SECRET), algorithms=["ES256"]
    ).claims
    return claims


async def me(http: httpx.AsyncClient, body: dict[str, Any]) -> httpx.Response:
    return await http.get("/v1/me", headers={"Authorization": f"Bearer {body['access_token']}"})


async def invited(
    world: World, email: str, role: str = "MEMBER", org: UUID | None = None, **more: str
) -> UUID:
    """Invite somebody; `more` are columns with SQL of theirs."""
    invitation = uuid4()
    columns = {"expires_at": f"'{FAR}'", **more}
    async with world.database.superuser() as connection:
        await connection.execute(
            f"INSERT INTO invitation (org_id, id, email, role_in_org, invited_by, {', '.join(columns)})"
            f" VALUES ($1, $2, $3, $4, $5, {', '.join(columns.values())})",
            org or world.a,
            invitation,
            email,
            role,
            world.ann if org in (None, world.a) else world.bob,
        )
    return invitation


async def test_a_member_signs_in_and_is_believed(http: httpx.AsyncClient, changing_world: World):
    world = changing_world
    before = time.time()
    body = await session(http, google("ann"))
    acme = {"id": str(world.a), "slug": "acme", "name": "Acme"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert (body["organization"], body["role_in_org"]) == (acme, "ADMIN")
    assert body["memberships"] == [{"organization": acme, "role_in_org": "ADMIN"}]
    assert body["invitations"] == []
    claims = claims_of(body)
    assert before - 1 <= claims.pop("iat") <= claims.pop("exp") - 3600 + 1
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "aud": "augentis",
        "sub": str(world.ann),
        "email": "ann@people.example",
        "org_id": str(world.a),
        "role": "ADMIN",
    }
    answer = await me(http, body)
    assert answer.status_code == 200
    assert answer.json()["user_id"] == str(world.ann)
    async with world.database.superuser() as connection:
        row = await connection.fetchrow("SELECT * FROM app_user WHERE id = $1", world.ann)
    assert row is not None
    assert (row["auth_provider"], row["auth_provider_id"]) == ("google", "google-ann")
    assert row["last_login_at"].timestamp() >= before - 1


async def test_the_next_sign_in_goes_by_the_providers_id(http: httpx.AsyncClient, changing_world: World):
    first = await session(http, google("max"))
    renamed = await session(http, google("max", email="maximilian@people.example"))
    assert claims_of(renamed)["sub"] == claims_of(first)["sub"] == str(changing_world.max)
    assert claims_of(renamed)["email"] == "max@people.example"


async def test_who_has_an_identity_has_no_other(http: httpx.AsyncClient):
    await session(http, google("vic"))
    body = await problem(http, 403, "identity-refused", google("vic", sub="google-other"))
    assert "vic" not in str(body)


async def test_an_email_is_found_in_any_case(http: httpx.AsyncClient, changing_world: World):
    body = await session(http, google("eve", email="EVE@People.Example"))
    assert claims_of(body)["sub"] == str(changing_world.eve)


async def test_another_provider_is_another_identity(http: httpx.AsyncClient):
    theirs = supabase("cem", sub="google-cem")
    response = await http.post("/v1/sessions", json={"provider": "supabase", "id_token": theirs})
    assert response.status_code == 201, response.text
    # The same `sub` from Google is somebody else, and may not have the same e-mail.
    await problem(http, 403, "identity-refused", google("cem"))
    # And no provider speaks for another.
    await problem(http, 401, "bad-token", theirs)


async def test_who_belongs_to_several_has_to_choose(http: httpx.AsyncClient, changing_world: World):
    world = changing_world
    body = await problem(http, 409, "choose-organization", google("sam"))
    assert [one["organization"]["slug"] for one in body["memberships"]] == ["acme", "beta"]
    assert [one["role_in_org"] for one in body["memberships"]] == ["ADMIN", "VIEWER"]
    for named, org, role in (
        ("acme", world.a, "ADMIN"),
        ("beta", world.b, "VIEWER"),
        (str(world.b), world.b, "VIEWER"),
        (str(world.b).upper(), world.b, "VIEWER"),
    ):
        chosen = await session(http, google("sam"), organization=named)
        claims = claims_of(chosen)
        assert (claims["org_id"], claims["role"]) == (str(org), role)
        assert len(chosen["memberships"]) == 2
        assert (await me(http, chosen)).json()["organization"]["id"] == str(org)


async def test_another_organisation_is_as_unknown_as_none(http: httpx.AsyncClient, changing_world: World):
    told = []
    for named in ("beta", str(changing_world.b), "nowhere", str(uuid4())):
        body = await problem(http, 403, "not-a-member", google("ann"), organization=named)
        body.pop("request_id")
        told.append(body)
    assert all(body == told[0] for body in told)
    assert [one["organization"]["slug"] for one in told[0]["memberships"]] == ["acme"]


async def test_a_former_member_gets_no_token(http: httpx.AsyncClient):
    body = await problem(http, 403, "not-a-member", google("fay"))
    assert (body["memberships"], body["invitations"]) == ([], [])


async def test_a_stranger_is_refused(http: httpx.AsyncClient):
    await problem(http, 403, "identity-refused", google("stranger"))


async def test_who_is_invited_sees_it_and_accepts(http: httpx.AsyncClient, changing_world: World):
    world = changing_world
    invitation = await invited(world, "Ivy@People.example", "VIEWER")
    body = await problem(http, 403, "not-a-member", google("ivy"))
    (open_one,) = body["invitations"]
    assert open_one == {
        "id": str(invitation),
        "organization": {"id": str(world.a), "slug": "acme", "name": "Acme"},
        "role_in_org": "VIEWER",
        "expires_at": "2100-01-01T00:00:00Z",
    }
    accepted = await session(http, google("ivy"), invitation_id=str(invitation))
    assert (accepted["organization"]["slug"], accepted["role_in_org"]) == ("acme", "VIEWER")
    assert accepted["invitations"] == []
    answer = (await me(http, accepted)).json()
    assert (answer["email"], answer["full_name"]) == ("ivy@people.example", "Ivy Lee")
    assert (await session(http, google("ivy")))["role_in_org"] == "VIEWER"
    await problem(http, 409, "invitation-gone", google("ivy"), invitation_id=str(invitation))


async def test_an_invitation_to_a_second_organisation_decides(http: httpx.AsyncClient, changing_world: World):
    world = changing_world
    invitation = await invited(world, "bob@people.example", "MEMBER")
    assert [one["id"] for one in (await session(http, google("bob")))["invitations"]] == [str(invitation)]
    body = await session(http, google("bob"), invitation_id=str(invitation))
    assert claims_of(body)["org_id"] == str(world.a)
    assert len(body["memberships"]) == 2


@pytest.mark.parametrize("sort", ["of another", "revoked", "expired", "unknown"])
async def test_an_invitation_that_cannot_be_accepted(
    http: httpx.AsyncClient, changing_world: World, sort: str
):
    world, who = changing_world, f"guest{sort[:3].replace(' ', '')}"
    good = await invited(world, f"{who}@people.example", org=world.b)
    if sort == "of another":
        bad = await invited(world, f"other{who}@people.example")
    elif sort == "revoked":
        bad = await invited(world, f"{who}@people.example", revoked_at="now()")
    elif sort == "expired":
        bad = await invited(world, f"{who}@people.example", expires_at="now() - interval '1 second'")
    else:
        bad = uuid4()
    await problem(http, 409, "invitation-gone", google(who), invitation_id=str(bad))
    body = await session(http, google(who), invitation_id=str(good))
    assert body["organization"]["slug"] == "beta"


async def test_a_token_for_one_workspace(http: httpx.AsyncClient, changing_world: World):
    place = changing_world.places["a2"]
    body = await session(http, google("ann"), workspace_id=str(place.workspace))
    assert claims_of(body)["workspace_id"] == str(place.workspace)
    projects = await http.get("/v1/projects", headers={"Authorization": f"Bearer {body['access_token']}"})
    assert [one["id"] for one in projects.json()["items"]] == [str(place.project)]


async def test_a_workspace_of_another_organisation(http: httpx.AsyncClient, changing_world: World):
    for workspace in (changing_world.places["b1"].workspace, uuid4()):
        await problem(http, 403, "wrong-workspace", google("ann"), workspace_id=str(workspace))


@pytest.mark.parametrize(
    "bad",
    [
        lambda: google("ann", iss="https://supabase.example"),
        lambda: google("ann", aud="others"),
        lambda: google("ann", exp=1),
        lambda: google("ann", email_verified=False),
        lambda: google("ann", email_verified=..., user_metadata={"email_verified": True}),
        lambda: google("ann", RSAKey.generate_key(2048, {"kid": str(GOOGLE.kid)})),
        lambda: google("ann", SUPABASE, "ES256"),
        lambda: google("ann", typ="at+jwt"),
        lambda: "x",
        lambda: "",
        lambda: "x" * 20_000,
        lambda: google("ann") + " ",
    ],
)
async def test_every_bad_id_token_gets_the_same_answer(http: httpx.AsyncClient, bad: Any):
    await session(http, google("ann"))
    response = await sign_in(http, bad())
    body = response.json()
    body.pop("request_id")
    assert body == {
        "type": "urn:augentis:problem:bad-token",
        "title": "The token is not valid",
        "status": 401,
        "instance": "/v1/sessions",
    }
    assert response.headers["www-authenticate"] == 'Bearer realm="augentis", error="invalid_token"'


async def test_the_nonce_binds_the_id_token_to_the_client(http: httpx.AsyncClient):
    await session(http, google("ann", nonce="n-1"), nonce="n-1")
    await problem(http, 401, "bad-token", google("ann", nonce="n-1"), nonce="n-2")
    await problem(http, 401, "bad-token", google("ann"), nonce="n-1")


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"provider": "github"}, "body.provider"),  # known, and not configured
        ({"provider": "gitlab"}, "body.provider"),
        ({"id_token": 1}, "body.id_token"),
        ({"workspace_id": "main"}, "body.workspace_id"),
        ({"invitation_id": "1"}, "body.invitation_id"),
        ({"organization": "acme", "invitation_id": str(UUID(int=1))}, "body"),
        ({"email": "ann@people.example"}, "body.email"),
    ],
    ids=str,
)
async def test_a_body_that_is_not_valid(http: httpx.AsyncClient, changed: dict[str, Any], path: str):
    response = await http.post(
        "/v1/sessions", json={"provider": "google", "id_token": google("ann"), **changed}
    )
    assert response.status_code == 422
    assert [error["path"] for error in response.json()["errors"]] == [path]


async def test_a_provider_whose_keys_cannot_be_read(http: httpx.AsyncClient, tmp_path: Path):
    (tmp_path / "supabase.json").unlink()
    response = await http.post("/v1/sessions", json={"provider": "supabase", "id_token": supabase("ann")})
    assert response.status_code == 503
    assert response.json()["type"] == "urn:augentis:problem:issuer-away"
    await session(http, google("ann"))


async def test_neither_the_id_token_nor_the_answer_is_kept_anywhere(
    http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
):
    id_token = google("ann")
    with caplog.at_level(0):
        response = await sign_in(http, id_token)
        await sign_in(http, google("ann", exp=1))
    assert response.headers["cache-control"] == "no-store"
    assert id_token.split(".")[2] not in caplog.text
    assert response.json()["access_token"] not in caplog.text
    assert "ann@people.example" not in caplog.text


async def test_a_session_ends_with_the_membership(http: httpx.AsyncClient, changing_world: World):
    world = changing_world
    invitation = await invited(world, "leo@people.example")
    body = await session(http, google("leo"), invitation_id=str(invitation))
    assert (await me(http, body)).status_code == 200
    async with world.database.superuser() as connection:
        await connection.execute(
            "UPDATE organization_members SET removed_at = now() WHERE user_id = $1",
            UUID(claims_of(body)["sub"]),
        )
    assert (await me(http, body)).json()["type"] == "urn:augentis:problem:not-a-member"
