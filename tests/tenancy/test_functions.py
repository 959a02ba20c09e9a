"""Functions: who may call which, and what somebody gets out of them who runs any SQL as the API's role."""

import hashlib
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage.tenancy import AnyClaims, Identity, KeyClaims
from tests.tenancy.asking import DENIED, asking, fields, posing, rows, sqlstate, temporary_allowed
from tests.world import World

CLAIMS = {"auth.claims()", "auth.uid()", "auth.org_id()", "auth.workspace_id()", "auth.key_id()"}
RIGHTS = {
    *("auth.my_orgs()", "auth.my_role()", "auth.org_users()"),
    *("auth.key_project()", "auth.confined_to()", "auth.projects_as(boolean)"),
    "auth.projects_commented()",
}
SIGN_IN = {
    *("auth.key_login(uuid,bytea)", "auth.sign_in()", "auth.accept_invitation(uuid)"),
    *("auth.my_memberships()", "auth.my_invitations()"),
}
GATES = {"gates()", "gate_score(text,jsonb)", "declare_phase(uuid,text)"}
ENSURE = "ensure_partitions(text[],date[])"
MONTHS = {
    *(ENSURE, "drop_partitions(text[],date,integer)"),
    *("ensure_batch_weeks(date[])", "drop_batch_weeks(date)"),
}
LADDER = {"evidence_rungs_of(uuid,uuid)", "evidence_tier_of(uuid,uuid)"}
ERASE = "auth.erase_user()"
ONE_ORGANISATION = {
    *(
        "auth.operated_org()",
        "auth.closed_org()",
        "auth.export_rows(text,refcursor)",
        "auth.count_rows(text)",
    ),
    *("auth.close_organization()", "auth.delete_rows(text,bigint,jsonb)", "auth.bury_organization()"),
    *("auth.note_last_words()", "auth.finish_burial()"),
}
FORGET = "forget_executions(timestamp with time zone,integer)"
RUN = {"auth.run_project()"}
CATALOGUE = {
    *("auth.set_agent_active(integer,boolean)", "auth.agents()", "auth.model_prices()"),
    "auth.set_model_price(text,numeric,numeric,timestamp with time zone)",
}
DISPATCH = {
    *("queue_execution()", "guard_execution()", "start_in_turn()", "queue_retry()"),
    "price_at(text,timestamp with time zone)",
}
TEXTS = {
    *("auth.audit_text(audit_log)", "auth.audit_link_text(audit_link)", "auth.audit_client_text(text,text)"),
}
LANES = {
    *("take_places(uuid,uuid,integer)", "promote_heads(uuid,uuid,uuid[])"),
    "revive_deliveries(uuid,uuid[])",
}
ASKED = {"replay_delivery(uuid)", "test_channel(uuid)"}
TOLD = "auth.audit_is_told(date)"
EXECUTE = {
    "augentis_dispatcher": {
        *("auth.claims()", "auth.uid()", "auth.key_id()", "auth.role_id(text)"),
        *DISPATCH,
    },
    "public": set[str](),
    "augentis_archivist": {"auth.claims()", *ONE_ORGANISATION},
    "augentis_eraser": {"auth.claims()", "auth.erased_user()", "auth.erase_personal(uuid)", ERASE, FORGET},
    "augentis_api": GATES
    | {"are_matchers(jsonb)"}
    | {"claim_execution(uuid,uuid,uuid)", "matched_projects(jsonb)"}
    | RUN
    | {ERASE}
    | CLAIMS
    | RIGHTS
    | SIGN_IN
    | LADDER
    | ASKED
    | TEXTS,
    "augentis_worker": {"auth.drop_audit_links()", FORGET} | MONTHS | LANES,
    "augentis_member_reader": {
        *RUN,
        "limit_calm()",
        *("auth.closed_org()", "auth.lonely_members()", "limit_projects()", "keep_an_admin()"),
        *(CLAIMS | RIGHTS),
    },
    "augentis_operator": {
        *CATALOGUE,
        "guard_price()",
        *("are_matchers(jsonb)", "make_default_route()"),
        *("auth.create_organization(text,text,text)", "auth.find_member(text,text)"),
        *("auth.set_tier(text,text)", "auth.find_organization(text)", "auth.find_user(text)"),
    },
    "augentis_registrar": {"auth.claims()", "keep_erased_out()", *SIGN_IN},
    "augentis_keeper": {TOLD} | MONTHS,
    "augentis_messenger": {"tell_detection()", "mark_costs()", "mark_all_costs()"},
    "augentis_gatekeeper": {
        *("gates()", "follow_gate()", "gate_rests_on_artifacts()", "declare_phase(uuid,text)"),
        *("auth.claims()", "auth.uid()", "auth.org_id()", "auth.workspace_id()", "auth.my_role()"),
    },
    "augentis_assessor": {"auth.claims()", "auth.uid()", *LADDER, "raise_evidence_tier()"},
    "augentis_auditor": {
        *("auth.claims()", "auth.role_id(text)", "auth.audit()", ENSURE),
        *(*TEXTS, "auth.audit_next(audit_link,audit_pending)", "auth.audit_link()", TOLD),
    },
    "augentis_chronicler": {"auth.claims()", "auth.uid()", "tell_of_report()"},
    "augentis_postmaster": {
        *("auth.claims()", "auth.org_id()", "auth.my_role()", "auth.workspace_id()", "auth.confined_to()"),
        *("wake_lane()", *LANES, *ASKED),
    },
    "augentis_herald": {
        *("alert_of_report()", "alert_of_notice()", "alert_of_tag()"),
        *("alerts_due_again(uuid)", "alert_again()"),
    },
    "augentis_redactor": {"auth.erase_personal(uuid)", "auth.drop_audit_links()"},
}
OURS = "p.pronamespace IN ('auth'::regnamespace, 'public'::regnamespace)"


@pytest.mark.parametrize("role", EXECUTE)
async def test_who_may_call_what(world: World, role: str):
    query = f"""SELECT p.oid::regprocedure::text FROM pg_proc AS p
                WHERE {OURS} AND has_function_privilege($1, p.oid, 'EXECUTE')"""
    async with world.database.superuser() as connection:
        assert {row[0] for row in await connection.fetch(query, role)} == EXECUTE[role]


async def test_our_roles_are_all_here(world: World):
    async with world.database.superuser() as connection:
        found = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname LIKE 'augentis_%'")
    # The owner's group: it owns functions, and may call what it owns.
    assert {row[0] for row in found} - {"augentis_owner"} == set(EXECUTE) - {"public"}


async def test_a_key_is_known_by_its_hash_alone(world: World):
    here, there = world.places["a1"], world.places["b1"]
    login = "SELECT org_id FROM auth.key_login(:id, :sha256)"
    right = hashlib.sha256(str(there.key).encode()).digest()
    # Whoever has the key may use it, whatever the session's claims.
    async with asking(world.database, world.claims("ann")) as session:
        assert await rows(session, login, id=there.key, sha256=right) == [(world.b,)]
    for sha256 in (None, b"", bytes(32), right[:-1], right + b"\0", right[::-1]):
        async with asking(world.database, world.claims("ann")) as session:
            assert await rows(session, login, id=there.key, sha256=sha256) == [], sha256
    async with asking(world.database, world.claims("ann")) as session:
        for key in (here.key, uuid4(), None):
            assert await rows(session, login, id=key, sha256=right) == [], key
    async with world.database.superuser() as connection:
        assert (
            await connection.fetchval("SELECT count(*) FROM machine_key WHERE last_used_at IS NOT NULL") == 0
        )


async def told(world: World, claims: AnyClaims) -> dict[str, Any]:
    """Return what the functions about rights tell these claims, by name."""
    names = sorted(RIGHTS)
    calls = ", ".join(name.replace("boolean", "true") for name in names)
    async with asking(world.database, claims) as session:
        (found,) = await rows(session, f"SELECT {calls}")
    return dict(zip(names, found, strict=True))


NOTHING: dict[str, Any] = {
    "auth.my_role()": None,
    "auth.my_orgs()": [],
    "auth.org_users()": [],
    "auth.projects_as(boolean)": [],
    "auth.projects_commented()": [],
    "auth.key_project()": None,
    "auth.confined_to()": None,
}


async def test_functions_tell_a_key_of_its_project_alone(world: World):
    here = world.places["a1"]
    assert await told(world, KeyClaims(here.key, world.a)) == {
        **NOTHING,
        "auth.my_orgs()": [world.a],
        "auth.key_project()": here.project,
        "auth.confined_to()": [here.project],
    }
    for stranger in (KeyClaims(here.key, world.b), KeyClaims(uuid4(), world.a)):
        assert await told(world, stranger) == {**NOTHING, "auth.confined_to()": []}


async def test_functions_tell_strangers_nothing_of_the_organisation(world: World):
    eve = await told(world, world.claims("eve"))
    assert (eve["auth.my_role()"], eve["auth.my_orgs()"]) == ("VIEWER", [world.a])
    assert eve["auth.projects_as(boolean)"] == [world.places["a1"].project]
    assert world.vic in eve["auth.org_users()"]
    for who in (Identity("google", "eve", "eve@people.example", "Eve"), world.claims("fay")):
        assert await told(world, who) == NOTHING
    # Where bob is a member he is one, whatever he asks for.
    assert await told(world, world.claims("bob", "a")) == {**NOTHING, "auth.my_orgs()": [world.b]}


@pytest.mark.parametrize("who", ["ann", "bob", "key", "nobody"])
async def test_who_is_no_identity_signs_nobody_in(world: World, who: str):
    askers: dict[str, AnyClaims | None] = {
        "ann": world.claims("ann"),
        "bob": world.claims("bob", "b"),
        "key": KeyClaims(world.places["a1"].key, world.a),
        "nobody": None,
    }
    claims = askers[who]
    async with asking(world.database, claims) as session:
        assert await rows(session, "SELECT * FROM auth.my_memberships()") == []
        assert await rows(session, "SELECT * FROM auth.my_invitations()") == []
    for call in ("auth.sign_in()", "auth.accept_invitation(gen_random_uuid())"):
        async with asking(world.database, claims) as session:
            with pytest.raises(DBAPIError) as caught:
                await rows(session, f"SELECT {call}")
        assert sqlstate(caught.value) == DENIED


@pytest.mark.parametrize("claims", ["", "{", "[]", "null", '"x"', "{}", '{"sub": 1}', '{"org_id": []}'])
async def test_claims_that_are_none_are_nobodys(world: World, claims: str):
    honest = fields(world.claims("ann"))
    async with posing(world.database, honest, "0" * 64) as session:
        await session.execute(
            text("SELECT set_config('request.jwt.claims', :claims, true)"), {"claims": claims}
        )
        assert await rows(session, "SELECT auth.uid(), auth.org_id(), auth.key_id()") == [(None, None, None)]
        assert await rows(session, "SELECT * FROM project") == []


async def test_a_trigger_of_ours_watches_no_table_of_somebody_elses(world: World):
    """Those that count beyond their caller's sight would tell how full another organisation is."""
    async with world.database.superuser() as connection:
        found = await connection.fetch(
            f"SELECT p.oid::regprocedure::text FROM pg_proc AS p"
            f" WHERE {OURS} AND p.prorettype = 'trigger'::regtype"
        )
        functions = [row[0] for row in found]
    assert {"limit_projects()", "keep_an_admin()"} <= set(functions)
    bob = world.claims("bob", "b")
    for function in functions:
        async with temporary_allowed(world.database), asking(world.database, bob) as session:
            await session.execute(text("CREATE TEMP TABLE bait (org_id uuid, is_archived boolean)"))
            with pytest.raises(DBAPIError) as caught:
                await session.execute(
                    text(f"CREATE TRIGGER t AFTER INSERT ON bait FOR EACH ROW EXECUTE FUNCTION {function}")
                )
        assert sqlstate(caught.value) == DENIED, function


async def test_a_condition_of_ones_own_looks_at_rows_of_ones_own(world: World):
    """However cheap it says it is: policies come first for what is not leakproof."""
    bob = world.claims("bob", "b")
    async with temporary_allowed(world.database), asking(world.database, bob) as session:
        await session.execute(text("CREATE TEMP TABLE spied (name text)"))
        await session.execute(
            text(
                """CREATE FUNCTION pg_temp.spy(name text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS
                   $$ BEGIN INSERT INTO pg_temp.spied VALUES (name); RETURN true; END $$"""
            )
        )
        await session.execute(text("SELECT * FROM project WHERE pg_temp.spy(name)"))
        assert await rows(session, "SELECT * FROM pg_temp.spied") == [("Project b1",)]


async def test_statistics_tell_nothing_of_rows(world: World):
    query = "SELECT tablename FROM pg_stats WHERE schemaname IN ('public', 'auth')"
    async with world.database.superuser() as connection:
        await connection.execute("ANALYZE project")
        assert ("project",) in [tuple(row) for row in await connection.fetch(query)]
    async with asking(world.database, world.claims("bob", "b")) as session:
        assert set(await rows(session, query)) <= {("alembic_version",)}


async def test_who_may_not_change_a_row_does_not_lock_it(world: World):
    lock = "SELECT id FROM artifact WHERE org_id = :org AND project_id = :project FOR {}"
    named = {"org": world.a, "project": world.places["a1"].project}
    for strength in ("UPDATE", "NO KEY UPDATE", "SHARE", "KEY SHARE"):
        async with asking(world.database, world.claims("max")) as session:
            assert len(await rows(session, lock.format(strength), **named)) == 3
        for claims in (world.claims("vic"), world.claims("cem"), world.claims("bob", "b")):
            async with asking(world.database, claims) as session:
                assert await rows(session, lock.format(strength), **named) == []
