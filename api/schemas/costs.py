from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

from api.schemas.base import Exact, Sent

_COST = "US dollars with twelve decimals, as text: no digit is lost"


def _said(model: str | None) -> str | None:
    return model or None


class CostSums(Sent):
    """What executions used and cost together."""

    tokens_used: int = Field(description="in and out", examples=[1500])
    cost_usd: Exact = Field(description=_COST, examples=["0.060000000000"])
    executions: int = Field(description="that ended and used tokens", examples=[1])


class Cost(CostSums):
    """What one organisation, project, phase or agent cost in one period."""

    key: str = Field(description="the id of the organisation, project or agent, or the phase", examples=["7"])
    period_start: date = Field(description="a week begins on Monday", examples=["2026-11-01"])
    model: Annotated[str | None, BeforeValidator(_said)] = Field(
        description="with `models`; else null", examples=["gpt-4"]
    )


class CostPage(BaseModel):
    """A page of costs, what all pages come to, and whether that is all."""

    items: list[Cost]
    next_cursor: str | None = Field(
        description="send it as `cursor` for the next page; null: this is the last one", examples=[None]
    )
    totals: CostSums
    pending_since: datetime | None = Field(
        description="what was recorded since then is not in yet, for a minute or so; null: all is in",
        examples=[None],
    )
