from typing import TypedDict


class CostSums(TypedDict):
    """What executions used and cost together; US dollars as text (`Decimal(each["cost_usd"])`)."""

    tokens_used: int
    cost_usd: str
    executions: int


class Cost(CostSums):
    """What one organisation, project, phase or agent (`key`) cost in the period that began on a day."""

    key: str
    period_start: str
    model: str | None


class CostPage(TypedDict):
    """A page of costs, what all pages come to, and since when executions are not in yet."""

    items: list[Cost]
    next_cursor: str | None
    totals: CostSums
    pending_since: str | None
