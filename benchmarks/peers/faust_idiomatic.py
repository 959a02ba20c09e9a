"""Faust as its guide has it: Records, a topic by key, tumbling windows in a table; written each second.

`group_by` sends an event on to a topic by its key. One event cannot become 500 by it, so `exploded` sends the
samples of a message on as `group_by` does.
"""

from datetime import UTC, datetime
from typing import Any

import faust

from benchmarks.peers import work

app = faust.App(
    "faust-idiomatic",
    broker=f"kafka://{work.SERVERS}",
    datadir=work.STATE,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    topic_partitions=len(work.ENDS),
    topic_replication_factor=1,
    table_cleanup_interval=3600.0,
)


class Sample(faust.Record):
    metric_name: str
    value: float
    timestamp: str
    cohort: str = ""
    feature: str = ""


class Message(faust.Record):
    project_id: str
    samples: list[Sample] | None = None
    metric_name: str = ""
    value: float = 0.0
    timestamp: str = ""
    cohort: str = ""
    feature: str = ""


class Counted(faust.Record):
    value: float
    at: float


raw = app.topic(work.TOPIC, value_type=Message)
by_series = app.topic("faust-by-series", key_type=str, value_type=Counted, internal=True)
AT: Any = Counted.at  # of the class, it is a field descriptor
totals = app.Table("totals", default=float).tumbling(3600.0).relative_to_field(AT)
counts = app.Table("counts", default=int).tumbling(3600.0).relative_to_field(AT)
changed: dict[work.Key, work.Sum] = {}


@app.agent(raw)
async def exploded(stream: faust.StreamT[Message]) -> None:
    async for message in stream:
        work.began()
        for each in message.samples or (message,):
            series = f"{message.project_id}|{each.metric_name}|{each.cohort}|{each.feature}"
            at = datetime.fromisoformat(each.timestamp).timestamp()
            await by_series.send(key=series, value=Counted(value=each.value, at=at))


@app.agent(by_series)
async def count(stream: faust.StreamT[Counted]) -> None:
    async for series, each in stream.items():
        totals[series] += each.value
        counts[series] += 1
        project, metric, cohort, feature = series.split("|")
        hour = datetime.fromtimestamp(each.at, UTC).strftime("%Y-%m-%dT%H")
        key = (project, hour, metric, cohort, feature)
        changed[key] = (totals[series].value(), counts[series].value())


@app.timer(1.0)
async def flush() -> None:
    work.write(changed)
    changed.clear()


app.main()
