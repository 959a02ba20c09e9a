"""Bytewax: a dataflow that reads to the end of the log, sums each batch of records, then by key."""

from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main

from benchmarks.peers import work


class _Rows(StatelessSinkPartition[tuple[str, work.Sum]]):
    def write_batch(self, items: list[tuple[str, work.Sum]]) -> None:
        work.write((_key(key), value) for key, value in items)


class _Table(DynamicSink[tuple[str, work.Sum]]):
    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Rows:
        del step_id, worker_index, worker_count
        return _Rows()


def _key(text: str) -> work.Key:
    project, hour, metric, cohort, feature = text.split("|")
    return project, hour, metric, cohort, feature


def _summed(messages: list[Any]) -> list[tuple[str, work.Sum]]:
    work.began()
    sums: dict[work.Key, work.Sum] = {}
    for message in messages:
        work.add(sums, message.value)
    return [("|".join(key), value) for key, value in sums.items()]


def _both(one: work.Sum, other: work.Sum) -> work.Sum:
    return one[0] + other[0], one[1] + other[1]


def main() -> None:
    flow = Dataflow("hourly")
    source = KafkaSource([work.SERVERS], [work.TOPIC], tail=False, batch_size=1_000)
    messages = op.input("read", flow, source)
    sums = op.reduce_final("sum", op.flat_map_batch("decode", messages, _summed), _both)
    op.output("write", sums, _Table())
    cluster_main(flow, [], 0)


main()
