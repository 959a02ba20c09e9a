"""Quix Streams: explode, group by the series, tumbling hours, rows as they now stand."""

from datetime import datetime, timedelta
from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows import Count, Sum
from quixstreams.sinks import BatchingSink, SinkBatch

from benchmarks.peers import work

HOUR = timedelta(hours=1)


class _Table(BatchingSink):
    """Upserts the last value of each window; `.final()` would never close the last window of a key."""

    def write(self, batch: SinkBatch) -> None:
        last: dict[work.Key, work.Sum] = {}
        for item in batch:
            project, metric, cohort, feature = item.key.split("|")
            last[project, _hour(item.value["start"]), metric, cohort, feature] = (
                item.value["total"],
                item.value["samples"],
            )
        work.write(last)


def _hour(milliseconds: int) -> str:
    return datetime.utcfromtimestamp(milliseconds / 1000).strftime("%Y-%m-%dT%H")  # noqa: DTZ004


def _exploded(body: dict[str, Any]) -> list[dict[str, Any]]:
    work.began()
    return [{**each, "project_id": body["project_id"]} for each in body.get("samples") or (body,)]


def _series(each: dict[str, Any]) -> str:
    return "|".join((each["project_id"], each["metric_name"], each["cohort"], each["feature"]))


def _time(each: dict[str, Any], *_: object) -> int:
    return int(datetime.fromisoformat(each["timestamp"]).timestamp() * 1000)


def main() -> None:
    app = Application(
        broker_address=work.SERVERS,
        consumer_group="quix",
        auto_offset_reset="earliest",
        state_dir=work.STATE,
        commit_interval=1.0,
        loglevel="WARNING",
    )
    frame = app.dataframe(app.topic(work.TOPIC, value_deserializer="json"))
    frame = frame.apply(_exploded, expand=True).set_timestamp(_time).group_by(_series, name="series")
    hours = frame.tumbling_window(HOUR, grace_ms=HOUR * 200)
    hours.agg(total=Sum("value"), samples=Count()).current().sink(_Table())
    app.run()


main()
