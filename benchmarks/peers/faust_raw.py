"""Faust with raw events and a dict: no table, no Record, no repartition; written each second."""

import faust

from benchmarks.peers import work

app = faust.App(
    "faust-raw",
    broker=f"kafka://{work.SERVERS}",
    datadir=work.STATE,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
)
raw = app.topic(work.TOPIC, value_serializer="raw")
sums: dict[work.Key, work.Sum] = {}


@app.agent(raw)
async def count(stream: faust.StreamT[bytes]) -> None:
    async for value in stream:
        work.began()
        work.add(sums, value)


@app.timer(1.0)
async def flush() -> None:
    work.write(sums)


app.main()
