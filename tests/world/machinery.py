"""What the worker keeps of a project while it takes telemetry in."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

from storage import tables
from storage.tables import Base
from tests.world.places import HOUR


def _monday() -> date:
    today = datetime.now(UTC).date()
    return today - timedelta(days=today.weekday())


def machinery(within: dict[str, UUID]) -> Iterator[Base]:
    source = {"topic": "raw_metrics", "partition": 0}
    yield tables.Partial(
        **within,
        **source,
        hour=HOUR,
        metric_name="user_adoption",
        cohort="",
        feature="",
        value_micro=1,
        of_micro=1,
        sample_count=1,
        revision=1,
        dirty=True,
    )
    yield tables.BatchSeen(**within, batch_id=uuid4(), week=_monday())
    yield tables.ProjectWatermark(**within, **source, first_event=HOUR, event_time=HOUR, seen_at=HOUR)
    yield tables.ProjectClock(**within, closed_through=HOUR, day_closed_through=date(2026, 11, 1))
    yield tables.Outbox(org_id=within["org_id"], destination="kafka", topic="divergence_alerts")
    otlp = {"series": uuid4(), "started_ns": 1}
    yield tables.OtlpSeries(**within, **otlp, newest_hour=HOUR)
    yield tables.OtlpPoint(**within, **otlp, hour=HOUR, time_ns=2, reading=b"")
    yield tables.DeadLetter(
        **within,
        **source,
        id=uuid4(),
        record_offset=1,
        record_at=HOUR,
        reason="bad_value",
        indices=[1],
        sample_count=1,
    )


def limits(within: dict[str, UUID], key: UUID) -> Iterator[Base]:
    yield tables.Series(**within, metric_name="user_adoption", cohort="mainstream", feature="F12")
    yield tables.SeriesCount(**within, series=1)
    yield tables.KeyUsage(org_id=within["org_id"], key_id=key, period_start=HOUR, used=1)
    yield tables.TopicBinding(**within, topic=f"raw_metrics.{within['project_id']}")
