"""DataModel.md 11: the steps of an execution, what it costs, and what nobody can make of it (ADR 0019)."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from storage import runs as worker
from storage.entities import operator
from storage.entities.executions import Outcome
from storage.errors import PriceInForceError
from tests.databases import Database
from tests.runs import AWAY, DONE, Queue, queue
from tests.teams import gathered
from tests.tenancy.asking import DENIED, sqlstate

STATUSES = ("QUEUED", "RUNNING", "SUCCESS", "FAILED", "RETRIED")
STEPS = {("QUEUED", "RUNNING"), ("RUNNING", "SUCCESS"), ("RUNNING", "FAILED"), ("FAILED", "RETRIED")}
WRONG_STEP, NO_RETRY, UNKNOWN_MODEL, INACTIVE = "AG020", "AG021", "AG023", "AG024"


async def stands(runs: Queue, status: str) -> UUID:
    """Return an execution with this status."""
    execution = await runs.add()
    if status != "QUEUED":
        assert await runs.claim() == execution
    if status in {"SUCCESS", "FAILED", "RETRIED"}:
        await runs.end(execution, DONE if status == "SUCCESS" else AWAY)
    if status == "RETRIED":
        await runs.retry(execution)
    return execution


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
async def test_a_status_follows_by_single_steps(shared: Database, before: str, after: str):
    async with queue(shared) as runs:
        execution = await stands(runs, before)
        said = "status = 'FAILED', error_message = 'x'" if after == "FAILED" else f"status = '{after}'"
        if before == after:
            assert await runs.set(execution, f"status = '{after}'") == 1
        else:
            expected = 1 if (before, after) in STEPS else WRONG_STEP
            assert await runs.set(execution, said) == expected
        assert await runs.field(execution, "status") == (after if (before, after) in STEPS else before)


@pytest.mark.parametrize("status", STATUSES)
async def test_what_came_of_it_is_said_once_and_what_it_is_never_changes(shared: Database, status: str):
    async with queue(shared) as runs:
        execution = await stands(runs, status)
        for what in ("tokens_input = 77", "model_used = 'gpt-4o-mini'", "error_message = 'no'"):
            assert await runs.set(execution, what) == WRONG_STEP, what
        assert await runs.set(execution, "claim_id = gen_random_uuid()") == WRONG_STEP
        # The API's role may not even name these; nor may who could.
        for what in ("cost_usd = 0", "started_at = now()", "retry_count = 0", "input_per_million = 0"):
            assert await runs.set(execution, what) == DENIED, what
        for what in ("cost_usd = 7", "created_at = '2000-01-01'", "agent_id = 2", "max_retries = 9"):
            with pytest.raises(asyncpg.PostgresError) as refused:
                await runs.team.fetch(f"UPDATE agent_execution SET {what} WHERE id = $1", execution)
            assert refused.value.sqlstate == WRONG_STEP, what


@pytest.mark.parametrize("most", [0, 1, 10])
async def test_a_retry_is_a_row_of_its_own_as_often_as_may_be(shared: Database, most: int):
    async with queue(shared) as runs:
        first = execution = await runs.add(max_retries=most)
        for count in range(1, most + 1):
            waiting = await runs.add() if count == 1 else None
            assert await runs.claim() == execution
            await runs.end(execution, AWAY)
            retry = await runs.retry(execution)
            assert (retry.retry_of, retry.retry_count, retry.max_retries) == (execution, count, most)
            assert (retry.status, retry.cost_usd, retry.queued_by) == ("QUEUED", None, runs.ann.user_id)
            assert (await runs.retry(execution)).id == retry.id
            if waiting:
                assert await runs.in_order("QUEUED") == [waiting, retry.id]
                await runs.end(await runs.claim() or uuid4())
            execution = retry.id
        assert await runs.claim() == execution
        await runs.end(execution, AWAY)
        with pytest.raises(DBAPIError, match="queue a new one") as refused:
            await runs.retry(execution)
        assert sqlstate(refused.value) == NO_RETRY
        assert await runs.field(first, "status") == ("RETRIED" if most else "FAILED")


async def test_retries_are_from_0_to_10(shared: Database):
    async with queue(shared) as runs:
        for most in (0, 10):
            await runs.add(max_retries=most)
        for most in (-1, 11):
            with pytest.raises(DBAPIError, match="ck_agent_execution_retries"):
                await runs.add(max_retries=most)


async def test_an_agent_that_is_off_is_neither_queued_nor_tried_again(database: Database):
    async with queue(database) as runs:
        failed, waits = await stands(runs, "FAILED"), await runs.add()
        assert await operator.set_agent_active(database.owner_url, 1, active=False) == "Problem Validator"
        for refused in (runs.add(), runs.retry(failed)):
            with pytest.raises(DBAPIError, match="augentis agent enable 1") as caught:
                await refused
            assert sqlstate(caught.value) == INACTIVE
        # What waits already is done.
        assert await runs.claim() == waits
        await runs.add(2)
        await operator.set_agent_active(database.owner_url, 1, active=True)
        assert (await runs.retry(failed)).retry_count == 1
        assert await operator.set_agent_active(database.owner_url, 27, active=True) is None


COSTS = [
    # DataModel.md 11: GPT-4, $0.03 a 1K input and $0.06 a 1K output.
    (1000, 1000, "gpt-4", "0.09"),
    (1, 0, "gpt-4", "0.00003"),
    (0, 0, "gpt-4", "0"),
    (1800, 900, None, "0.108"),
    (1, 1, "claude-3-sonnet", "0.000018"),
    (2**31 - 1, 2**31 - 1, "gpt-4-32k", "386547.05646"),
]


@pytest.mark.parametrize(("read", "wrote", "model", "cost"), COSTS)
async def test_what_a_run_costs(shared: Database, read: int, wrote: int, model: str | None, cost: str):
    async with queue(shared) as runs:
        execution = await stands(runs, "RUNNING")
        row = await runs.end(execution, Outcome(read, wrote, model))
        assert row.cost_usd == Decimal(cost)
        assert row.model_used == (model or "gpt-4")


async def test_no_digit_of_a_cost_is_lost(shared: Database):
    """Prices and tokens of any size against Decimal, to twelve decimals, failed runs as well."""
    chosen = random.Random(11)
    async with queue(shared) as runs, shared.superuser() as connection:
        undone = connection.transaction()
        await undone.start()
        for number in range(40):
            read, wrote = (chosen.randrange(10 ** chosen.randrange(1, 10)) for _ in range(2))
            per_read, per_wrote = (
                Decimal(chosen.randrange(10 ** chosen.randrange(1, 13))).scaleb(-6) for _ in range(2)
            )
            model, execution = f"model {number}", uuid4()
            price = "INSERT INTO model_price VALUES ($1, '2026-01-01', $2, $3)"
            await connection.execute(price, model, per_read, per_wrote)
            await connection.execute(
                "INSERT INTO agent_execution (org_id, id, project_id, agent_id, queued_by)"
                " VALUES ($1, $2, $3, 1, $4)",
                *(runs.team.org, execution, runs.team.project, runs.team.people["ann"]),
            )
            await connection.execute("UPDATE agent_execution SET status = 'RUNNING' WHERE id = $1", execution)
            cost = await connection.fetchval(
                """UPDATE agent_execution SET status = CASE WHEN $5 THEN 'SUCCESS' ELSE 'FAILED' END,
                   error_message = CASE WHEN NOT $5 THEN 'x' END,
                   tokens_input = $2, tokens_output = $3, model_used = $4 WHERE id = $1 RETURNING cost_usd""",
                *(execution, read, wrote, model, number % 2 == 0),
            )
            assert cost == (read * per_read + wrote * per_wrote).scaleb(-6), (read, wrote, model)
        await undone.rollback()


async def test_a_run_is_charged_by_the_price_when_it_started(shared: Database):
    model, url = f"model {uuid4()}", shared.owner_url
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    async with queue(shared) as runs:
        await operator.set_price(url, model, Decimal(10), Decimal(20), long_ago)
        before = await stands(runs, "RUNNING")
        await operator.set_price(url, model, Decimal("0.000001"), Decimal(0), None)
        after = await stands(runs, "RUNNING")
        old, new = [await runs.end(one, Outcome(3, 1, model)) for one in (before, after)]
        assert (old.cost_usd, new.cost_usd) == (Decimal("0.00005"), Decimal("0.000000000003"))
        assert (old.input_per_million, new.input_per_million) == (Decimal(10), Decimal("0.000001"))


async def test_a_price_that_was_in_force_stays(shared: Database):
    model, url = f"model {uuid4()}", shared.owner_url
    now = datetime.now(UTC)

    async def put(since: datetime | None, price: int) -> bool:
        try:
            await operator.set_price(url, model, Decimal(price), Decimal(price), since)
        except PriceInForceError:
            return False
        return True

    assert await put(now - timedelta(days=9), 1)
    # It is in force: neither changed, nor put behind one that would have been.
    assert not await put(now - timedelta(days=9), 2)
    assert not await put(now - timedelta(days=1), 2)
    # Before the first nobody can have been charged.
    assert await put(now - timedelta(days=10), 3)
    assert await put(now + timedelta(days=9), 4)
    assert await put(now + timedelta(days=9), 5)
    found = [price.input_per_million for price in await operator.prices(url) if price.model == model]
    assert found == [3, 1, 5]


async def test_a_model_without_a_price_is_named_beside_those_with_one(shared: Database):
    await operator.set_price(
        shared.owner_url, "tomorrow's", Decimal(1), Decimal(1), datetime.now(UTC) + timedelta(days=1)
    )
    async with queue(shared) as runs:
        execution = await stands(runs, "RUNNING")
        for model in ("gpt-5000", "tomorrow's"):
            for outcome in (Outcome(1, 1, model), Outcome(1, 1, model, error_message="away")):
                with pytest.raises(DBAPIError, match=r"claude-3-sonnet.* gpt-4, ") as refused:
                    await runs.end(execution, outcome)
                assert sqlstate(refused.value) == UNKNOWN_MODEL
        assert await runs.field(execution, "status") == "RUNNING"
        assert (await runs.end(execution, Outcome(1, 1))).model_used == "gpt-4"


async def test_a_silent_runner_is_given_up_and_its_place_is_free(database: Database):
    async with queue(database, "BASIC") as runs:
        silent, next_one = await runs.add(), await runs.add()
        assert [await runs.claim(), await runs.claim()] == [silent, None]
        assert await runs.set(silent, "seen_at = '2000-01-01'") == 1
        seen = await runs.field(silent, "seen_at")
        assert isinstance(seen, datetime)
        assert seen > datetime.now(UTC) - timedelta(minutes=1), "a word is now, whatever it says"
        hour = timedelta(hours=1)
        connection = await asyncpg.connect(database.worker_url)
        try:
            # All that a worker may make of them is to give them up.
            for what in ("status = 'SUCCESS'", "cost_usd = 0", "status = 'RUNNING'"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"UPDATE agent_execution SET {what}")
            assert await worker.give_up_silent(connection, seen + hour - timedelta.resolution, hour) == 0
            assert await worker.give_up_silent(connection, seen + hour, hour) == 1
            assert await worker.give_up_silent(connection, seen + hour, hour) == 0
        finally:
            await connection.close()
        assert await runs.field(silent, "status") == "FAILED"
        assert "nothing was heard of its runner for 1:00:00" in str(await runs.field(silent, "error_message"))
        assert (await runs.field(silent, "cost_usd"), await runs.field(silent, "seen_at")) == (0, seen)
        assert await runs.claim() == next_one


async def test_an_output_is_of_the_same_project(shared: Database):
    other = await gathered(shared, bob="ADMIN")
    async with queue(shared) as runs:
        made = {}
        for team, who in ((runs.team, "ann"), (other, "bob")):
            made[who] = uuid4()
            await team.fetch(
                "INSERT INTO artifact (org_id, id, project_id, type, created_by)"
                " VALUES ($1, $2, $3, 'PRD', $4)",
                *(team.org, made[who], team.project, team.people[who]),
            )
        execution = await stands(runs, "RUNNING")
        with pytest.raises(DBAPIError, match="output_artifact_id"):
            await runs.end(execution, Outcome(1, 1, output_artifact_id=made["bob"]))
        row = await runs.end(execution, Outcome(1, 1, output_artifact_id=made["ann"]))
        assert row.output_artifact_id == made["ann"]


async def test_a_key_that_may_run_does_that_and_nothing_else(shared: Database):
    async with queue(shared) as runs, queue(shared) as others:
        first, foreign = await runs.add(), await others.add()
        good, reads = await runs.key("run"), await runs.key("read", "publish")
        with pytest.raises(DBAPIError) as refused:
            await runs.claim(claims=reads)
        assert sqlstate(refused.value) == DENIED
        assert await others.set(foreign, "status = 'RUNNING'", good) == 0
        assert await runs.claim(claims=good) == first
        assert await runs.set(first, "seen_at = now()", good) == 1
        assert await runs.set(first, "cost_usd = 0", good) == DENIED
        assert await runs.set(first, "status = 'FAILED', error_message = 'x'", good) == 1
        assert await runs.set(first, "status = 'RETRIED'", good) == 1
        tables = ("project", "artifact", "telemetry", "organization", "organization_members", "app_user")
        insert = (
            "INSERT INTO agent_execution (org_id, id, project_id, agent_id, queued_by)"
            " VALUES (:org, gen_random_uuid(), :project, 1, :user)"
        )
        named = {"org": runs.team.org, "project": runs.team.project, "user": runs.team.people["ann"]}
        async with runs.sessions.open(good) as session:
            for table in tables:
                assert (await session.execute(text(f"SELECT 1 FROM {table}"))).all() == [], table
            assert await session.scalar(text("SELECT count(*) FROM agent")) == 26
            assert await session.scalar(text("SELECT count(*) FROM agent_execution")) == 2
        with pytest.raises(DBAPIError) as refused:
            async with runs.sessions.open(good) as session:
                await session.execute(text(insert), named)
        assert sqlstate(refused.value) == DENIED
        await runs.team.fetch("UPDATE machine_key SET revoked_at = now() WHERE id = $1", good.key_id)
        async with runs.sessions.open(good) as session:
            assert (await session.execute(text("SELECT 1 FROM agent_execution"))).all() == []
            assert await session.scalar(text("SELECT count(*) FROM agent")) == 0


async def test_the_catalogue_and_the_prices_are_read_by_members_and_written_by_nobody(shared: Database):
    async with queue(shared) as runs:
        for table in ("agent", "agent_tool", "model_price"):
            async with runs.sessions.open(runs.team.claims("vic")) as session:
                assert await session.scalar(text(f"SELECT count(*) > 7 FROM {table}"))
            for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {table}_id = 1"):
                with pytest.raises(DBAPIError):
                    async with runs.sessions.open(runs.ann) as session:
                        await session.execute(text(statement))
        for function in ("set_agent_active(1, false)", "set_model_price('gpt-4', 0, 0, now())"):
            with pytest.raises(DBAPIError) as refused:
                async with runs.sessions.open(runs.ann) as session:
                    await session.execute(text(f"SELECT auth.{function}"))
            assert sqlstate(refused.value) == DENIED


async def test_a_sign_of_life_is_no_change_and_a_machine_is_told_of_as_one(shared: Database):
    async with queue(shared) as runs:
        execution, good = await runs.add(), await runs.key("run")
        assert await runs.claim(claims=good) == execution
        for _ in range(3):
            assert await runs.set(execution, "seen_at = now()", good) == 1
        told = await runs.team.fetch(
            "SELECT action, actor_kind, actor_id FROM audit_log WHERE resource_id = $1 ORDER BY timestamp",
            execution,
        )
        assert told == [
            ("CREATE", "user", runs.ann.user_id),
            ("UPDATE", "key", good.key_id),
        ]
        assert await runs.field(execution, "claimed_by") == good.key_id
        assert await runs.field(execution, "version") == 2
