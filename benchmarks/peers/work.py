"""The work that all peers do, and what they share of it: the decoding, the key, the table."""

import json
import os
import resource
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec
import psycopg

Key = tuple[str, str, str, str, str]
"""Project, hour, metric, cohort, feature."""
Sum = tuple[float, int]
TOPIC = "raw_metrics"
SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
DATABASE = os.environ["PEERS_DATABASE"]
STATE = os.environ["PEERS_STATE"]
"""A folder for what a peer keeps."""
ENDS: dict[int, int] = {int(k): v for k, v in json.loads(os.environ["PEERS_ENDS"]).items()}
"""Where each partition of the log ends, exclusive; it begins at 0."""
UPSERT = """INSERT INTO hourly (project, hour, metric, cohort, feature, total, samples)
            VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (project, hour, metric, cohort, feature)
            DO UPDATE SET total = EXCLUDED.total, samples = EXCLUDED.samples"""


class Sample(msgspec.Struct, gc=False):
    metric_name: str
    value: float
    timestamp: str
    cohort: str = ""
    feature: str = ""


class Envelope(msgspec.Struct):
    project_id: str
    samples: list[Sample] | None = None
    metric_name: str = ""
    value: float = 0.0
    timestamp: str = ""
    cohort: str = ""
    feature: str = ""


decode = msgspec.json.Decoder(Envelope).decode


def explode(value: bytes) -> Iterator[tuple[Key, float]]:
    """Yield the key and value of each sample of a message."""
    envelope = decode(value)
    for each in envelope.samples or (envelope,):
        key = (envelope.project_id, each.timestamp[:13], each.metric_name, each.cohort, each.feature)
        yield key, each.value


def add(sums: dict[Key, Sum], value: bytes) -> None:
    """Add a message to `sums`."""
    for key, number in explode(value):
        total, count = sums.get(key, (0.0, 0))
        sums[key] = (total + number, count + 1)


def began() -> None:
    """Note when the first record was read, and the CPU spent before; later calls note nothing."""
    global _noted  # noqa: PLW0603
    if not _noted:
        _noted = True
        used = resource.getrusage(resource.RUSAGE_SELF)
        Path(STATE, "began").write_text(json.dumps([time.monotonic(), used.ru_utime + used.ru_stime]))


_noted = False


def write(sums: Mapping[Key, Sum] | Iterable[tuple[Key, Sum]]) -> None:
    """Write sums as they now stand, in one transaction."""
    items = sums.items() if isinstance(sums, Mapping) else sums
    rows = [(*key, *value) for key, value in items]
    if rows:
        with psycopg.connect(DATABASE) as connection, connection.cursor() as cursor:
            cursor.executemany(UPSERT, rows)
