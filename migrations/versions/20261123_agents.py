"""The catalogue of agents, dated prices of models, and what agents did (DataModel.md 11 and 15; ADR 0019)."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from migrations.sql import run_file

revision = "20261123_agents"
down_revision = "20261123_gates"
branch_labels = None
depends_on = None

API, WORKER = "augentis_api", "augentis_worker"
READER, OPERATOR, DISPATCHER = "augentis_member_reader", "augentis_operator", "augentis_dispatcher"

CATALOGUE = Path(__file__).parent.parent / "data" / "agents.yaml"
GLOBAL = ("agent", "agent_tool", "model_price")
OWNERS = {
    READER: ("auth.run_project()",),
    OPERATOR: (
        "auth.set_agent_active(integer, boolean)",
        "auth.set_model_price(text, numeric, numeric, timestamptz)",
        "auth.model_prices()",
        "auth.agents()",
        "public.guard_price()",
    ),
    DISPATCHER: (
        "public.queue_execution()",
        "public.price_at(text, timestamptz)",
        "public.guard_execution()",
        "public.start_in_turn()",
        "public.queue_retry()",
    ),
}
OPERATED = (
    "auth.set_agent_active(integer, boolean)",
    "auth.set_model_price(text, numeric, numeric, timestamptz)",
    "auth.model_prices()",
    "auth.agents()",
)

MEMBER = "org_id = ANY ((SELECT auth.my_orgs())::uuid[])"
BOUND = "org_id = (SELECT auth.org_id())"
RUNS = "project_id = (SELECT auth.run_project())"
CONFINED = (
    "((SELECT auth.confined_to()) IS NULL OR project_id = ANY ((SELECT auth.confined_to())::uuid[])"
    f" OR {RUNS})"
)
EDITS = (
    "CASE (SELECT auth.my_role()) WHEN 'ADMIN' THEN true"
    " WHEN 'MEMBER' THEN project_id <> ALL ((SELECT auth.projects_as(false))::uuid[])"
    " WHEN 'VIEWER' THEN project_id = ANY ((SELECT auth.projects_as(true))::uuid[])"
    " ELSE false END"
)
SOMEBODY = (
    "(SELECT auth.org_id()) = ANY ((SELECT auth.my_orgs())::uuid[])"
    " OR (SELECT auth.run_project()) IS NOT NULL"
)
QUEUED = "status = 'QUEUED' AND retry_of IS NULL AND queued_by = (SELECT auth.uid())"
TO_QUEUE = "org_id, id, project_id, agent_id, max_retries, queued_by"
TO_RETRY = f"{TO_QUEUE}, retry_of, retry_count"
TO_RUN = (
    "status, tokens_input, tokens_output, model_used, output_artifact_id, error_message, seen_at, claim_id"
)
ROWS = {
    "INSERT": "NEW TABLE AS new_rows",
    "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "OLD TABLE AS old_rows",
}
SCOPES = "scopes <@ ARRAY['publish', 'read', 'run'] AND cardinality(scopes) BETWEEN 1 AND 3"
SCOPES_BEFORE = "scopes <@ ARRAY['publish', 'read'] AND cardinality(scopes) BETWEEN 1 AND 2"
NOT_TOLD = ("last_used_at, revision}", "last_used_at, seen_at, revision}")


def upgrade() -> None:
    run_file("20261123_agents.sql")
    _seed()
    for statement in (
        *_owners(),
        *_global(),
        *_executions(),
        *_dispatched(),
        *_told(*NOT_TOLD),
        *_scopes(SCOPES),
    ):
        op.execute(statement)


def downgrade() -> None:
    run_file("20261123_agents_down.sql")
    # A key that may run keeps saying so, and nobody listens.
    for statement in (*_told(*NOT_TOLD[::-1]), *_scopes(SCOPES_BEFORE, suffix=" NOT VALID")):
        op.execute(statement)
    op.execute("""DO $$ BEGIN
        ALTER TABLE machine_key VALIDATE CONSTRAINT ck_machine_key_scopes;
    EXCEPTION WHEN check_violation THEN NULL; END $$""")
    op.execute("DROP POLICY dispatcher_select ON organization")
    op.execute(f"REVOKE SELECT ON organization FROM {DISPATCHER}")  # noqa: S608  # a right, no rows
    op.execute(
        "REVOKE EXECUTE ON FUNCTION auth.claims(), auth.uid(), auth.key_id(), auth.role_id(text)"
        f" FROM {DISPATCHER}"
    )
    op.execute(f"REVOKE USAGE ON SCHEMA auth, public FROM {DISPATCHER}")


def _seed() -> None:
    """Write the catalogue and the list prices as they stand in the file."""
    document = yaml.safe_load(CATALOGUE.read_text())
    for price in document["prices"]:
        _insert(
            "model_price", {**price, **{name: Decimal(price[name]) for name in price if "million" in name}}
        )
    for agent in document["agents"]:
        tools = agent.pop("tools")
        _insert("agent", {**agent, "cost_per_execution_usd": Decimal(agent["cost_per_execution_usd"])})
        for name, config in tools.items():
            _insert("agent_tool", {"agent_id": agent["id"], "tool_name": name, "tool_config": config})


def _insert(table: str, row: dict[str, Any]) -> None:
    kinds: dict[type, Any] = {dict: JSONB, Decimal: sa.Numeric, datetime: sa.DateTime(timezone=True)}
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(name, kinds.get(type(value), sa.types.NullType)) for name, value in row.items()
    ]
    op.get_bind().execute(sa.insert(sa.table(table, *columns)).values(row))


def _owners() -> Iterator[str]:
    for role, functions in OWNERS.items():
        yield f"GRANT CREATE ON SCHEMA auth, public TO {role}"
        for function in functions:
            yield f"ALTER FUNCTION {function} OWNER TO {role}"
        yield f"REVOKE CREATE ON SCHEMA auth, public FROM {role}"
    for function in OPERATED:
        yield f"GRANT EXECUTE ON FUNCTION {function} TO CURRENT_USER"
    yield f"GRANT EXECUTE ON FUNCTION auth.run_project(), public.claim_execution(uuid, uuid, uuid) TO {API}"


def _global() -> Iterator[str]:
    for table in GLOBAL:
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        yield f"GRANT SELECT ON {table} TO {API}"
        yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({SOMEBODY})"
    for table in ("agent", "model_price"):
        yield from _open_to(OPERATOR, table, "SELECT")
        yield from _open_to(DISPATCHER, table, "SELECT")
    yield from _open_to(OPERATOR, "agent", "UPDATE", " (is_active, updated_at)")
    yield from _open_to(OPERATOR, "model_price", "INSERT")
    yield from _open_to(OPERATOR, "model_price", "UPDATE", " (input_per_million, output_per_million)")


def _executions() -> Iterator[str]:
    table = "agent_execution"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    yield f"GRANT SELECT, INSERT ({TO_QUEUE}), UPDATE ({TO_RUN}) ON {table} TO {API}"
    yield f"CREATE POLICY members_read ON {table} FOR SELECT TO {API} USING ({MEMBER})"
    yield f"CREATE POLICY runner_read ON {table} FOR SELECT TO {API} USING ({RUNS})"
    yield (
        f"CREATE POLICY org_of_token ON {table} AS RESTRICTIVE TO {API} USING ({BOUND}) WITH CHECK ({BOUND})"
    )
    yield f"CREATE POLICY confined ON {table} AS RESTRICTIVE TO {API} USING ({CONFINED})"
    yield (
        f"CREATE POLICY may_insert ON {table} FOR INSERT TO {API}"
        f" WITH CHECK ({MEMBER} AND {EDITS} AND {QUEUED})"
    )
    rule = f"{MEMBER} AND {EDITS} OR {RUNS}"
    yield f"CREATE POLICY may_update ON {table} FOR UPDATE TO {API} USING ({rule}) WITH CHECK ({rule})"
    yield from _open_to(WORKER, table, "SELECT")
    yield f"GRANT UPDATE (status, error_message) ON {table} TO {WORKER}"
    yield (
        f"CREATE POLICY worker_update ON {table} FOR UPDATE TO {WORKER}"
        " USING (status = 'RUNNING') WITH CHECK (status = 'FAILED')"
    )
    for verb, rows in ROWS.items():
        yield (
            f"CREATE TRIGGER audit_{verb.lower()} AFTER {verb} ON {table} REFERENCING {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION auth.audit('AgentExecution', 'id')"
        )


def _dispatched() -> Iterator[str]:
    """Give the functions that keep the queue what they look at: all of it, whoever asks."""
    yield f"GRANT USAGE ON SCHEMA auth, public TO {DISPATCHER}"
    yield (
        "GRANT EXECUTE ON FUNCTION auth.claims(), auth.uid(), auth.key_id(), auth.role_id(text)"
        f" TO {DISPATCHER}"
    )
    yield from _open_to(DISPATCHER, "agent_execution", "SELECT")
    yield f"GRANT INSERT ({TO_RETRY}) ON agent_execution TO {DISPATCHER}"
    yield (
        f"CREATE POLICY dispatcher_insert ON agent_execution FOR INSERT TO {DISPATCHER}"
        " WITH CHECK (retry_of IS NOT NULL)"
    )
    yield from _open_to(DISPATCHER, "organization", "SELECT")


def _open_to(role: str, table: str, command: str, columns: str = "") -> Iterator[str]:
    using = "" if command == "INSERT" else " USING (true)"
    check = " WITH CHECK (true)" if command in ("INSERT", "UPDATE") else ""
    name = f"{role.removeprefix('augentis_')}_{command.lower()}"
    yield f"GRANT {command}{columns} ON {table} TO {role}"
    yield f"CREATE POLICY {name} ON {table} FOR {command} TO {role}{using}{check}"


def _told(before: str, after: str) -> Iterator[str]:
    """A runner's sign of life is no change: the audit log passes it over, as it does a key's use."""
    yield f"""DO $$ BEGIN
        EXECUTE replace(pg_get_functiondef('auth.audit()'::regprocedure), '{before}', '{after}');
    END $$"""


def _scopes(rule: str, suffix: str = "") -> Iterator[str]:
    yield "ALTER TABLE machine_key DROP CONSTRAINT ck_machine_key_scopes"
    yield f"ALTER TABLE machine_key ADD CONSTRAINT ck_machine_key_scopes CHECK ({rule}){suffix}"
