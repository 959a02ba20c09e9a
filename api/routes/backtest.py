import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query

from api import problems, routing
from api.answers import answers
from api.caller import Caller, Member, Person
from api.problems import ProblemError
from api.routes import lookup
from api.schemas.backtest import ArtifactBacktest, Backtest, BacktestRange, NewBacktest
from detectors.assumptions import Assumption, ContentError, read_content
from detectors.backtest import backtest_rows
from storage.reading import artifacts, past
from storage.reading.past import Tried

router = routing.router("/v1", "assumptions")

YEAR = timedelta(days=365)


@router.post(
    "/projects/{project_id}/backtests", response_model=Backtest, responses=answers(problems.NOT_FOUND)
)
async def try_assumption(caller: Person, project_id: UUID, body: NewBacktest) -> object:
    """Try an assumption on the project's telemetry: when would it have fired? Nothing is written.

    The same fold as in production, over complete days, without the hours that were taken out.
    """
    await lookup.project(caller, project_id)
    if not body.assumption.is_daily:
        raise problems.invalid("body.assumption.unit", "an elasticity is estimated from prices, not tested")
    now = datetime.now(UTC)
    since = _since(body, "body", now)
    return await _tried(caller, project_id, body.assumption, body.alarms_per_year, since, now)


@router.get(
    "/artifacts/{artifact_id}/backtest",
    response_model=ArtifactBacktest,
    responses=answers(problems.NOT_FOUND),
)
async def try_artifact(caller: Member, artifact_id: UUID, asked: Annotated[BacktestRange, Query()]) -> object:
    """Try a version's assumptions on the project's telemetry, before it is approved or after."""
    now = datetime.now(UTC)
    since = _since(asked, "query", now)
    whole = await artifacts.one(caller.session, caller.org_id, artifact_id)
    if whole is None:
        raise ProblemError(problems.NOT_FOUND, "there is no such artifact")
    try:
        assumptions = read_content(whole.artifact.content or {}).assumptions
    except ContentError as error:
        raise problems.invalid("artifact.content", str(error)) from None
    project_id = whole.artifact.project_id
    return ArtifactBacktest(
        artifact_id=artifact_id,
        project_id=project_id,
        backtests=[
            await _tried(caller, project_id, each, asked.alarms_per_year, since, now)
            for each in assumptions
            if each.is_daily
        ],
        not_tested=[each.key for each in assumptions if not each.is_daily],
    )


def _since(asked: BacktestRange, where: str, now: datetime) -> datetime:
    since = asked.since or now - YEAR
    if since < now - 2 * YEAR:
        raise problems.invalid(f"{where}.since", "two years at most are looked back")
    return since


async def _tried(
    caller: Caller, project_id: UUID, item: Assumption, alarms_per_year: float, since: datetime, now: datetime
) -> Backtest:
    rows, excluded = await past.hours(caller.session, Tried(caller.org_id, project_id, item), since, now)
    outcome = await asyncio.to_thread(backtest_rows, item, alarms_per_year, rows, excluded)
    return Backtest.of(item.key, outcome)
