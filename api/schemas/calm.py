"""Silences, quiet hours and maintenance windows."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from api.parameters import Day, Moment, Name, OneOf
from api.schemas.base import LEFT_OUT, Asked, Change, Sent, Versioned
from api.schemas.handling import Reason
from api.schemas.people import TimeZone
from routing.calm import LONGEST, WindowKind
from routing.matchers import Matchers
from storage.reading.calm import STATES
from storage.tables.calm import LETS_THROUGH

_REASON = "We move the database; latency is known to be bad."
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_MATCHERS = "which alerts; `{}`: all (docs/calm.md)"


def _once_each(days: Sequence[int]) -> list[int]:
    if len(set(days)) < len(days):
        raise ValueError("name each day once")
    return sorted(days)


def _shown(value: object) -> object:
    return f"{value:%H:%M}" if isinstance(value, time) else value


SilenceState = Annotated[str, OneOf(STATES)]
LetsThrough = Annotated[str, OneOf(tuple(map(str, LETS_THROUGH)))]
Clock = Annotated[
    str,
    BeforeValidator(_shown),
    StringConstraints(pattern=_CLOCK),
    WithJsonSchema({"type": "string", "pattern": _CLOCK, "examples": ["22:00"]}),
    Field(description="what a clock there shows", examples=["22:00"]),
]
Weekdays = Annotated[
    list[Annotated[int, Field(ge=1, le=7, strict=True)]],
    Field(
        min_length=1,
        max_length=7,
        description="on which it begins; 1 is Monday",
        examples=[[1, 2, 3, 4, 5]],
    ),
    AfterValidator(_once_each),
]


class AlertSilence(Sent):
    """What somebody has silenced. Nobody changes it; it is ended, and another one made."""

    id: UUID
    org_id: UUID
    matchers: Matchers = Field(description=_MATCHERS)
    starts_at: datetime
    ends_at: datetime = Field(description="exclusive; as it was asked for")
    reason: str = Field(examples=[_REASON])
    state: SilenceState = Field(description="now", examples=["active"])
    created_by: UUID
    created_at: datetime
    ended_at: datetime | None = Field(description="when somebody ended it before", examples=[None])
    ended_by: UUID | None = Field(examples=[None])


class NewAlertSilence(Asked):
    """What is to be silenced. Without `project_id` among the matchers it is an ADMIN's to ask."""

    matchers: Matchers = Field(description=_MATCHERS)
    starts_at: Moment | None = Field(None, description="null: now; at most 366 days ahead")
    ends_at: Moment = Field(
        description=f"at most {LONGEST.days} days after starts_at", examples=["2027-01-04T08:00:00Z"]
    )
    reason: Reason = Field(examples=[_REASON])


class AlertWindow(Versioned):
    """Hours that come again, in which alerts wait."""

    id: UUID
    org_id: UUID
    name: str = Field(examples=["Nights"])
    kind: WindowKind = Field(description="for people to read: both hold alike", examples=["QUIET_HOURS"])
    matchers: Matchers = Field(description=_MATCHERS)
    timezone: str = Field(examples=["Europe/Vienna"])
    weekdays: Weekdays
    from_time: Clock
    to_time: Clock
    first_day: date | None = Field(description="on which it begins; null: it always did", examples=[None])
    last_day: date | None = Field(description="on which it begins; null: it goes on", examples=[None])
    lets_through: LetsThrough | None = Field(
        description="as loud as this passes; null: nothing does", examples=["critical"]
    )
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    version: int


class NewAlertWindow(Asked):
    """Hours in which alerts are to wait, from `from_time` to the next `to_time`; the same is a day later."""

    name: Name = Field(examples=["Nights"])
    kind: WindowKind = Field(examples=["QUIET_HOURS"])
    matchers: Matchers = Field(Matchers(), description=_MATCHERS)
    timezone: TimeZone
    weekdays: Weekdays = Field([1, 2, 3, 4, 5, 6, 7])
    from_time: Clock
    to_time: Clock = Field(examples=["06:00"])
    first_day: Day | None = Field(None, examples=["2026-11-30"])
    last_day: Day | None = Field(None, description="on or after first_day", examples=["2026-12-04"])
    lets_through: LetsThrough | None = Field(None, examples=["critical"])

    def values(self) -> dict[str, Any]:
        """Return the columns of a window."""
        return columns(self.model_dump())


class AlertWindowChange(Change):
    """What changes of a window."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "examples": [{"to_time": "07:00", "lets_through": "critical"}],
        },
    )

    name: Name = LEFT_OUT
    kind: WindowKind = LEFT_OUT
    matchers: Matchers = LEFT_OUT
    timezone: TimeZone = LEFT_OUT
    weekdays: Weekdays = LEFT_OUT
    from_time: Clock = LEFT_OUT
    to_time: Clock = LEFT_OUT
    first_day: Day | None = LEFT_OUT
    last_day: Day | None = LEFT_OUT
    lets_through: LetsThrough | None = LEFT_OUT

    def values(self) -> dict[str, Any]:
        """Return the columns that change."""
        return columns(self.changes())


def columns(sent: dict[str, Any]) -> dict[str, Any]:
    """Return what was sent as the columns of a window hold it."""
    clocks: dict[str, Any] = {
        name: time.fromisoformat(sent[name]) for name in ("from_time", "to_time") if name in sent
    }
    matched = {"matchers": stored(Matchers(**sent["matchers"]))} if "matchers" in sent else {}
    return {**sent, **clocks, **matched}


def stored(matchers: Matchers) -> dict[str, Any]:
    """Return matchers as a table holds them."""
    return matchers.model_dump(mode="json", exclude_defaults=True)
