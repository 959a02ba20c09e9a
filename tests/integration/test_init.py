"""`augentis init` and `augentis token`: what a team begins with, and one of its members' tokens."""

import json

import pytest

from cli.exits import Exit
from storage import machine_keys
from tests.databases import Database
from tests.integration.conftest import INIT, Augentis
from tests.integration.test_apply import EXAMPLE, fetch


def test_init_makes_what_a_team_needs_to_begin(augentis: Augentis, database: Database):
    assert augentis(*INIT, "--json") == Exit.DONE
    made = json.loads(augentis.out)
    assert list(made) == ["org_id", "org_slug", "user_id", "workspace_id", "project_id", "ingest_key"]
    assert made["org_slug"] == "acme"
    [key] = fetch(database, "SELECT * FROM machine_key")
    assert machine_keys.parse(made["ingest_key"]) == key["id"]
    assert machine_keys.matches(made["ingest_key"], key["secret_sha256"])
    assert str(key["project_id"]) == made["project_id"]
    [member] = fetch(database, "SELECT * FROM organization_members")
    assert (str(member["user_id"]), member["role_in_org"]) == (made["user_id"], "ADMIN")


def test_init_twice_changes_nothing_and_tells_no_secret(augentis: Augentis, database: Database):
    augentis(*INIT, "--json")
    first = json.loads(augentis.out)
    assert augentis(*INIT, "--json") == Exit.DONE
    assert json.loads(augentis.out) == first | {"ingest_key": None}
    assert "shown only once" in augentis.err
    for table in ("organization", "app_user", "workspace", "project", "machine_key"):
        assert fetch(database, f"SELECT count(*) FROM {table}") == [{"count": 1}]


def test_init_of_another_project_adds_it(acme: Augentis, database: Database):
    assert acme(*INIT[:-1], "Loyalty") == Exit.DONE
    assert {row["name"] for row in fetch(database, "SELECT name FROM project")} == {"Checkout", "Loyalty"}
    assert fetch(database, "SELECT count(*) FROM workspace") == [{"count": 1}]


def test_init_is_refused_to_who_is_no_admin(acme: Augentis):
    assert acme("init", "--org", "acme", "--admin", "eve@x.example", "--project", "Mine") == Exit.USAGE
    assert acme.err == "augentis: organisation acme exists and eve@x.example is no admin of it\n"


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--org", "Acme", "no slug"),
        ("--org", "a--b", "no slug"),
        ("--org", "a" * 64, "no slug"),
        ("--admin", "ada", "no e-mail"),
        ("--project", "ab", "3 to 100"),
        ("--project", "two\nlines", "one line"),
    ],
)
def test_init_refuses_names_that_do_not_fit(augentis: Augentis, option: str, value: str, says: str):
    arguments = list(INIT)
    arguments[arguments.index(option) + 1] = value
    assert augentis(*arguments) == Exit.USAGE
    assert says in augentis.err


@pytest.mark.parametrize("slug", ["a", "a" * 63])
def test_init_takes_slugs_of_any_length(augentis: Augentis, slug: str):
    long_address = "a" * 60 + "@" + "b" * 60 + ".example"
    assert augentis("init", "--org", slug, "--admin", long_address, "--project", "Checkout") == Exit.DONE


def test_a_token_is_printed_and_nothing_else(acme: Augentis):
    assert acme("token", "--user", "ADA@acme.example", "--org", "acme", "--ttl", "5m") == Exit.DONE
    assert acme.out.count(".") == 2
    assert acme.out.count("\n") == 1
    assert acme.err == ""


def test_a_token_is_refused_to_strangers_and_for_strange_workspaces(acme: Augentis):
    assert acme("token", "--user", "eve@x.example", "--org", "acme") == Exit.USAGE
    assert "no member" in acme.err
    anywhere = "00000000-0000-0000-0000-000000000001"
    assert acme("token", "--user", "ada@acme.example", "--org", "acme", "--workspace", anywhere) == Exit.USAGE
    assert "no workspace" in acme.err
    assert acme("token", "--user", "ada@acme.example", "--org", "acme", "--ttl", "1y") == Exit.USAGE


def test_a_token_is_refused_where_a_real_issuer_is_configured(
    acme: Augentis, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AUGENTIS_JWT_ISSUER", "https://issuer.example")
    monkeypatch.setenv("AUGENTIS_JWT_JWKS", "https://issuer.example/keys")
    assert acme("token", "--user", "ada@acme.example", "--org", "acme") == Exit.USAGE
    assert acme.out == ""
    assert "https://issuer.example" in acme.err


@pytest.mark.parametrize(
    "command", [INIT, ("apply", EXAMPLE), ("token", "--user", "a@b.example", "--org", "acme")]
)
def test_a_database_that_is_away_is_69(augentis: Augentis, monkeypatch: pytest.MonkeyPatch, command):
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner:secret@127.0.0.1:1/x")
    assert augentis(*command) == Exit.UNAVAILABLE
    assert augentis.err.startswith("augentis: PostgreSQL at 127.0.0.1:1/x does not answer")
    assert "secret" not in augentis.err
    assert augentis.err.count("\n") == 1
