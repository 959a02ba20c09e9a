"""Who sees what: every denial beside the proof that the rows are there."""

import json
import time
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from storage.secrets import claims_signature
from storage.tables import Base
from storage.tenancy import AnyClaims, Claims, Identity, KeyClaims
from tests.databases import SECRET
from tests.tenancy.asking import DENIED, asking, fields, posing, rows, sqlstate
from tests.world import World

OF_A_PROJECT = {
    "project": "id",
    "project_access": "project_id",
    "artifact": "project_id",
    "artifact_dependency": "project_id",
    "tag": "project_id",
    "assumption": "project_id",
    "otlp_mapping": "project_id",
    "exclusion_window": "project_id",
    "alert_silence": "project_ids[1]",
    "holiday_calendar": "project_id",
    "evidence": "project_id",
    "machine_key": "project_id",
    "telemetry": "project_id",
    "divergence_report": "project_id",
    "report_event": "project_id",
    "alert_notice": "project_id",
    "alert_delivery": "project_id",
    "alert_told": "project_id",
    "cascade_analysis": "project_id",
    "detector_state": "project_id",
    "partial": "project_id",
    "project_clock": "project_id",
    "series": "project_id",
    "phase_gate_decision": "project_id",
    "gate_artifact": "project_id",
    "gate_evidence": "project_id",
    "agent_execution": "project_id",
    "cost_tracking": "project_id",
    "cost_pending": "project_id",
}
OF_AN_ORGANISATION = {
    "workspace": "org_id",
    "organization_members": "org_id",
    "organization": "id",
    "alert_window": "org_id",
    "alert_channel": "org_id",
    "alert_route": "org_id",
    "alert_route_channel": "org_id",
}
OF_PEOPLE = {"app_user"}
# The same for every member and key (tests/rules/test_executions.py).
OF_EVERYBODY = {"agent", "agent_tool", "model_price"}
OF_ADMINS = {"invitation"}
OF_ONESELF = {"idempotency_key"}
# tests/tenancy/test_audit.py and test_letters.py say more of them.
OF_THE_LOG = {"audit_log", "audit_link", "audit_checkpoint", "dead_letter"}
# What a machine's key shows; the rest is people's.
OF_KEYS = set(OF_A_PROJECT) - {
    *("project_access", "machine_key", "report_event", "alert_silence", "alert_delivery", "alert_told"),
}
NOT_FOR_THE_API = {
    "partition_ledger",
    "batch_seen",
    "project_watermark",
    "outbox",
    "alert_due",
    "alert_lane",
    "otlp_series",
    "otlp_point",
    "series_count",
    "key_usage",
    "topic_binding",
    "organization_tombstone",
    "audit_pending",
    "audit_chain",
    "audit_head",
}

TENANTS = [*OF_A_PROJECT, *OF_AN_ORGANISATION, *OF_ADMINS, *OF_ONESELF, *sorted(OF_THE_LOG)]
MEMBERS = ("ann", "max", "vic", "sam", "cem", "eve")


def test_every_table_is_looked_at_here():
    assert {*TENANTS, *OF_PEOPLE, *OF_EVERYBODY, *NOT_FOR_THE_API} == set(Base.metadata.tables)


async def seen(world: World, table: str, claims: AnyClaims | None, column: str) -> set[object]:
    async with asking(world.database, claims) as session:
        return {row[0] for row in await rows(session, f"SELECT {column} FROM {table}")}


@pytest.mark.parametrize(("table", "column"), OF_A_PROJECT.items())
async def test_a_member_sees_the_projects_of_the_tokens_organisation(world: World, table: str, column: str):
    a1, a2, b1 = (world.places[name].project for name in ("a1", "a2", "b1"))
    for who in MEMBERS:
        assert await seen(world, table, world.claims(who), column) == {a1, a2}, who
    for who in ("bob", "sam"):
        assert await seen(world, table, world.claims(who, "b"), column) == {b1}, who


@pytest.mark.parametrize(("table", "column"), OF_AN_ORGANISATION.items())
async def test_a_member_sees_the_tokens_organisation(world: World, table: str, column: str):
    for who in MEMBERS:
        assert await seen(world, table, world.claims(who), column) == {world.a}, who
    for who in ("bob", "sam"):
        assert await seen(world, table, world.claims(who, "b"), column) == {world.b}, who


@pytest.mark.parametrize("table", [*TENANTS, *OF_PEOPLE])
async def test_strangers_former_members_and_nobody_see_nothing(world: World, table: str):
    column = "id" if table in {"organization", *OF_PEOPLE} else "org_id"
    assert await seen(world, table, world.claims("ann"), column)
    own = {world.fay} if table in OF_PEOPLE else set()
    assert await seen(world, table, world.claims("fay"), column) == own, "has left"
    own = {world.bob} if table in OF_PEOPLE else set()
    assert await seen(world, table, world.claims("bob", "a"), column) == own, "never was there"
    assert await seen(world, table, None, column) == set()


@pytest.mark.parametrize("table", [*TENANTS, *OF_PEOPLE])
async def test_forged_and_stale_claims_show_nothing(world: World, table: str):
    column = "id" if table in {"organization", *OF_PEOPLE} else "org_id"
    honest = fields(world.claims("ann"))
    signed = claims_signature(SECRET, _text(honest))
    query = f"SELECT {column} FROM {table}"
    async with posing(world.database, honest, signed) as session:
        assert await rows(session, query), "signed claims are believed"
    stale = {**honest, "db_exp": time.time() - 1}
    endless = {name: value for name, value in honest.items() if name != "db_exp"}
    for claims, signature in (
        (honest, ""),
        (honest, "0" * 64),
        (honest, claims_signature(SECRET + "?", _text(honest))),
        (fields(world.claims("bob", "b")), signed),
        (stale, claims_signature(SECRET, _text(stale))),
        (endless, claims_signature(SECRET, _text(endless))),
    ):
        async with posing(world.database, claims, signature) as session:
            assert await rows(session, query) == []


def _text(claims: dict[str, object]) -> str:
    return json.dumps(claims)


@pytest.mark.parametrize(("table", "column"), OF_A_PROJECT.items())
async def test_a_token_of_a_workspace_shows_its_projects_alone(world: World, table: str, column: str):
    assert await seen(world, table, world.claims("ann", workspace="a1"), column) == {
        world.places["a1"].project
    }
    assert await seen(world, table, world.claims("ann", workspace="a2"), column) == {
        world.places["a2"].project
    }
    foreign = Claims(world.ann, world.a, world.places["b1"].workspace)
    assert await seen(world, table, foreign, column) == set()


async def test_a_token_of_a_workspace_shows_that_workspace_alone(world: World):
    inside = world.places["a1"].workspace
    assert await seen(world, "workspace", world.claims("ann", workspace="a1"), "id") == {inside}


@pytest.mark.parametrize("table", sorted(OF_ADMINS))
async def test_what_is_the_admins_is_seen_by_them_alone(world: World, table: str):
    assert await seen(world, table, world.claims("ann"), "org_id") == {world.a}
    assert await seen(world, table, world.claims("bob", "b"), "org_id") == {world.b}
    for why, claims in {
        "a member": world.claims("max"),
        "looks only": world.claims("vic"),
        "edits one project": world.claims("eve"),
        "an ADMIN, by a token of one workspace": world.claims("ann", workspace="a1"),
        "a VIEWER there": world.claims("sam", "b"),
    }.items():
        assert await seen(world, table, claims, "org_id") == set(), why


@pytest.mark.parametrize("table", sorted(OF_ONESELF))
async def test_what_is_ones_own_is_seen_by_no_colleague(world: World, table: str):
    assert await seen(world, table, world.claims("ann"), "actor_id") == {world.ann}
    for who in set(MEMBERS) - {"ann"}:
        assert await seen(world, table, world.claims(who), "actor_id") == set(), who


@pytest.mark.parametrize("table", sorted(OF_KEYS))
async def test_a_key_shows_its_own_project_alone(world: World, table: str):
    here, there = world.places["a1"], world.places["b1"]
    column = OF_A_PROJECT[table]
    assert await seen(world, table, KeyClaims(here.key, world.a), column) == {here.project}
    assert await seen(world, table, KeyClaims(there.key, world.b), column) == {there.project}
    for why, claims in {
        "another organisation's": KeyClaims(here.key, world.b),
        "nobody's": KeyClaims(uuid4(), world.a),
        "a person is no key": KeyClaims(world.ann, world.a),
    }.items():
        assert await seen(world, table, claims, column) == set(), why


@pytest.mark.parametrize("end", ["revoked_at = now()", "expires_at = now()", "scopes = '{publish}'"])
async def test_a_key_that_is_revoked_expired_or_for_publishing_shows_nothing(world: World, end: str):
    key = KeyClaims(world.places["a1"].key, world.a)
    assert await seen(world, "telemetry", key, "org_id")
    async with world.database.superuser() as connection:
        scopes = await connection.fetchval("SELECT scopes FROM machine_key WHERE id = $1", key.key_id)
        await connection.execute(f"UPDATE machine_key SET {end} WHERE id = $1", key.key_id)
        try:
            assert await seen(world, "telemetry", key, "org_id") == set()
        finally:
            await connection.execute(
                "UPDATE machine_key SET revoked_at = NULL, expires_at = NULL, scopes = $2 WHERE id = $1",
                key.key_id,
                scopes,
            )


@pytest.mark.parametrize("table", sorted({*TENANTS, *OF_PEOPLE} - OF_KEYS - {"organization"}))
async def test_people_and_their_rights_are_not_for_keys(world: World, table: str):
    column = "id" if table in OF_PEOPLE else "org_id"
    assert await seen(world, table, world.claims("ann"), column)
    assert await seen(world, table, KeyClaims(world.places["a1"].key, world.a), column) == set()


async def test_the_hash_of_a_key_is_shown_to_nobody(world: World):
    with pytest.raises(DBAPIError, match="permission denied"):
        await seen(world, "machine_key", world.claims("ann"), "secret_sha256")


async def test_an_identity_is_nobody_yet(world: World):
    identity = Identity("google", "subject", "ann@people.example", "ann")
    for table in (*TENANTS, *OF_PEOPLE):
        assert await seen(world, table, identity, "1") == set(), table


async def test_colleagues_are_seen_and_strangers_are_not(world: World):
    colleagues = {getattr(world, name) for name in (*MEMBERS, "fay")}
    assert await seen(world, "app_user", world.claims("ann"), "id") == colleagues
    assert await seen(world, "app_user", world.claims("bob", "b"), "id") == {world.bob, world.sam}


@pytest.mark.parametrize("table", sorted(NOT_FOR_THE_API))
async def test_the_machinery_is_not_for_the_api(world: World, table: str):
    if table not in {"partition_ledger", "audit_pending"}:
        async with world.database.superuser() as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") > 0
    with pytest.raises(DBAPIError, match="permission denied") as caught:
        await seen(world, table, world.claims("ann"), "1")
    assert sqlstate(caught.value) == DENIED


@pytest.mark.parametrize("table", ["telemetry", "divergence_report", "artifact", "assumption"])
async def test_the_policies_leave_the_index_usable(world: World, table: str):
    async with asking(world.database, world.claims("ann")) as session:
        await rows(session, "SELECT set_config('enable_seqscan', 'off', true)")
        plan = "\n".join(
            row[0]
            for row in await rows(session, f"EXPLAIN SELECT 1 FROM {table} WHERE org_id = :org", org=world.a)
        )
    assert "Seq Scan" not in plan
    assert "Index Cond: (org_id = " in plan or "Index Cond: ((org_id = " in plan
