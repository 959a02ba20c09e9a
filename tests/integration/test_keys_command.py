"""`augentis key` and `augentis org tier`, in this process, on real PostgreSQL."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from cli.keys import Scope
from storage import machine_keys
from storage.entities import keys, projects, workspaces
from storage.entities.keys import KeyLogin
from storage.tables.access import SCOPES
from storage.tenancy import Claims
from tests.databases import Database
from tests.integration.conftest import Augentis

ORG = ("--org", "acme")


@pytest.fixture
def init(augentis: Augentis) -> dict[str, Any]:
    """What `augentis init` made: an organisation with a project and its ingest key."""
    assert augentis("init", *ORG, "--admin", "ada@acme.example", "--project", "Checkout", "--json") == 0
    founded: dict[str, Any] = json.loads(augentis.out)
    return founded


def made(augentis: Augentis, *more: object, project: object = "Checkout") -> dict[str, Any]:
    arguments = ("key", "create", *ORG, "--project", project, "--name", "web", "--json", *more)
    assert augentis(*arguments) == 0, augentis.err
    key: dict[str, Any] = json.loads(augentis.out)
    return key


def listed(augentis: Augentis, *more: object) -> list[dict[str, Any]]:
    assert augentis("key", "list", *ORG, "--json", *more) == 0, augentis.err
    found: list[dict[str, Any]] = json.loads(augentis.out)
    return found


def login(database: Database, key: str) -> KeyLogin | None:
    async def ask() -> KeyLogin | None:
        async with database.sessions() as sessions:
            return await keys.login(sessions, key)

    return asyncio.run(ask())


def test_a_key_is_made_listed_and_revoked(augentis: Augentis, database: Database, init: dict[str, Any]):
    key = made(augentis, "--scope", "publish", "--scope", "read")
    assert machine_keys.parse(key["key"]) == UUID(key["id"])
    assert (key["project_id"], key["name"]) == (init["project_id"], "web")
    assert (key["scopes"], key["expires_at"]) == (["publish", "read"], None)
    first, second = listed(augentis)
    assert (first["name"], second["id"]) == ("init", key["id"])
    assert second == {name: value for name, value in key.items() if name != "key"}
    assert key["key"].rpartition("_")[2] not in augentis.out
    good_for = login(database, key["key"])
    assert good_for
    assert (str(good_for.project_id), good_for.scopes) == (init["project_id"], ["publish", "read"])
    assert augentis("key", "revoke", key["id"], *ORG) == 0
    assert login(database, key["key"]) is None
    assert [one["name"] for one in listed(augentis)] == ["init"]
    assert augentis("key", "revoke", key["id"], *ORG) == 0, "it was revoked, and still is"


def test_a_quota(augentis: Augentis, init: dict[str, Any]):
    assert made(augentis, "--scope", "publish", "--quota", "1000/minute")["quota"] == "1000/minute"
    assert listed(augentis)[0]["quota"] is None
    arguments = ("key", "create", *ORG, "--project", init["project_id"], "--name", "x", "--scope", "publish")
    assert augentis(*arguments, "--quota", "1000") == 2
    assert "is no quota" in augentis.err


def test_a_scope_and_an_end(augentis: Augentis, init: dict[str, Any]):
    key = made(augentis, "--scope", "read", "--expires-in", "90d", project=init["project_id"])
    assert key["scopes"] == ["read"]
    left = datetime.fromisoformat(key["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89, hours=23) < left <= timedelta(days=90)
    assert [scope.value for scope in Scope] == list(SCOPES)


@pytest.mark.usefixtures("init")
def test_for_people_it_is_text(augentis: Augentis):
    arguments = ("key", "create", *ORG, "--project", "Checkout", "--name", "web", "--scope", "publish")
    assert augentis(*arguments) == 0
    fields = dict(line.split("  ", 1) for line in augentis.out.splitlines())
    assert machine_keys.parse(fields["key"]) == UUID(fields["id"])
    assert (fields["scopes"], fields["expires_at"]) == ("publish", "-")
    assert augentis("key", "list", *ORG, "--project", "Checkout") == 0
    head, *rows = augentis.out.splitlines()
    assert head.startswith("id  project_id  name")
    assert [row.split("  ")[2] for row in rows] == ["init", "web"]


NEW = ("create", *ORG, "--name", "x", "--scope", "read")
LIVES = ("0s", "999ms", "3651d", "soon", "99999999999d")
MISTAKES: list[tuple[tuple[Any, ...], str]] = [
    ((*NEW, "--project", "Nothing"), "no project 'Nothing'"),
    ((*NEW, "--project", uuid4()), "has no project"),
    ((*NEW, "--project", "Checkout", "--name", ""), "--name"),
    ((*NEW, "--project", "Checkout", "--name", "x" * 101), "--name"),
    ((*NEW, "--project", "Checkout", "--name", "a\nb"), "--name"),
    ((*NEW, "--project", "Checkout", "--scope", "write"), "write"),
    (("create", *ORG, "--name", "x", "--project", "Checkout"), "--scope"),
    *(((*NEW, "--project", "Checkout", "--expires-in", life), "--expires-in") for life in LIVES),
    (("list", "--org", "nobody"), "no organisation 'nobody'"),
    (("list", *ORG, "--project", "Nothing"), "no project 'Nothing'"),
    (("revoke", uuid4(), *ORG), "acme has no key"),
    (("revoke", "42", *ORG), "UUID"),
]


@pytest.mark.usefixtures("init")
def test_what_is_not_there_or_not_valid(augentis: Augentis):
    for arguments, says in MISTAKES:
        assert augentis("key", *arguments) == 2, arguments
        assert says in augentis.err
        assert augentis.out == ""
    assert [one["name"] for one in listed(augentis)] == ["init"]
    assert augentis("key", *NEW, "--project", "Checkout", "--expires-in", "1s") == 0


def test_a_name_of_two_projects_is_none(augentis: Augentis, database: Database, init: dict[str, Any]):
    second = asyncio.run(_another_checkout(database, init))
    assert augentis("key", *NEW, "--project", "Checkout") == 2
    assert "2 projects are called 'Checkout'" in augentis.err
    assert str(second) in augentis.err
    assert augentis("key", *NEW, "--project", second) == 0


async def _another_checkout(database: Database, init: dict[str, Any]) -> UUID:
    claims = Claims(UUID(init["user_id"]), UUID(init["org_id"]))
    async with database.sessions() as sessions, sessions.open(claims) as session:
        workspace = await workspaces.ensure(session, claims, "Elsewhere")
        made = await projects.create(
            session, claims, workspace, name="Checkout", problem_statement="A test needs two of them."
        )
    assert made
    return made


def test_another_organisations_key_is_not_revoked(augentis: Augentis, init: dict[str, Any]):
    assert augentis("init", "--org", "beta", "--admin", "bob@beta.example", "--project", "His") == 0
    key = listed(augentis)[0]["id"]
    assert augentis("key", "revoke", key, "--org", "beta") == 2
    assert augentis("key", "list", "--org", "beta", "--project", init["project_id"]) == 2
    assert [one["id"] for one in listed(augentis)] == [key]


def test_an_organisation_gets_a_tier(augentis: Augentis, database: Database, init: dict[str, Any]):
    def tier(tier: str, org: object = "acme") -> int:
        return augentis("org", "tier", "--org", org, "--tier", tier)

    async def found() -> Any:
        async with database.superuser() as connection:
            return await connection.fetchval("SELECT subscription_tier FROM organization")

    for org, given in (("acme", "PRO"), (init["org_id"], "ENTERPRISE")):
        assert tier(given, org) == 0, augentis.err
        assert augentis.out == ""
        assert asyncio.run(found()) == given
    assert tier("GOLD") == 2
    assert tier("BASIC", "nobody") == 2
    assert "no organisation 'nobody'" in augentis.err
    assert asyncio.run(found()) == "ENTERPRISE"
