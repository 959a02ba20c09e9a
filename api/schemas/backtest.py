from datetime import date, datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import Field

from api.parameters import Moment
from api.schemas.base import Asked, Sent
from detectors.assumptions import Assumption
from detectors.backtest import Outcome
from detectors.sequential import ALARMS_PER_YEAR, Status

Rate = Field(ALARMS_PER_YEAR, gt=0, le=10, description="false alarms a year that are accepted")
Began = Field(None, description="from this time on; by default a year before now, and at most two")


class BacktestRange(Asked):
    """How far back, and how ready to speak."""

    since: Moment | None = Began
    alarms_per_year: float = Rate


class NewBacktest(BacktestRange):
    """An assumption to try on telemetry that is there."""

    assumption: Assumption = Field(
        description="an entry of `content.assumptions`",
        examples=[{"key": "adoption", "metric_name": "user_adoption", "operator": ">=", "value": 60}],
    )


class BacktestEvent(Sent):
    """A change of what would have been known."""

    at: datetime = Field(description="when it was possible: the end of a day, or of an hour")
    event: Literal["watch", "notify", "resolve", "no_data"]
    state: Status
    e_value: float
    gap: float | None = Field(description="relative: -0.2 is 20 % below what was assumed")


class Backtest(Sent):
    """What one assumption would have said."""

    assumption_key: str
    first_day: date | None = Field(description="null: there was no complete day")
    last_day: date | None
    fired: int = Field(description="how often people would have been told", examples=[3])
    summary: str = Field(examples=["It would have fired once in 365 days, on 2026-03-14."])
    events: list[BacktestEvent]

    @classmethod
    def of(cls, key: str, outcome: Outcome) -> Self:
        """Return an outcome as it is sent."""
        told = [each for each in outcome.transitions if each.event == "notify"]
        return cls(
            assumption_key=key,
            first_day=outcome.first,
            last_day=outcome.through,
            fired=len(told),
            summary=_summary(outcome, [each.at for each in told]),
            events=[BacktestEvent.model_validate(each, from_attributes=True) for each in outcome.transitions],
        )


class ArtifactBacktest(Sent):
    """What the assumptions of an artifact version would have said, approved or not."""

    artifact_id: UUID
    project_id: UUID
    backtests: list[Backtest] = Field(description="in the order of `content.assumptions`")
    not_tested: list[str] = Field(description="keys of elasticities: they are estimated from prices")


def _summary(outcome: Outcome, told: list[datetime]) -> str:
    if outcome.first is None or outcome.through is None:
        return "There is no complete day of telemetry to try it on."
    days = (outcome.through - outcome.first).days + 1
    if not told:
        return f"It would not have fired in {days} days."
    times = "once" if len(told) == 1 else f"{len(told)} times"
    return f"It would have fired {times} in {days} days, on {', '.join(f'{at:%Y-%m-%d}' for at in told)}."
