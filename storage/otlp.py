"""The last point of each hour of cumulative OTLP series.

Whoever adds to a series since one start holds its row of `otlp_series`, taken in the order of the key, to
the end of the transaction: two partitions that carry points of one series never difference at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from storage.ledger import Connection

_KEY = "org_id, project_id, series, started_ns"


class SeriesStart(NamedTuple):
    """A cumulative series since one start (nanoseconds, 0 where it is not told)."""

    org_id: UUID
    project_id: UUID
    series: UUID
    started_ns: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A point as it is kept; `hour` is epoch seconds."""

    hour: int
    time_ns: int
    reading: bytes


async def take(
    connection: Connection, wanted: Mapping[SeriesStart, tuple[int, int]]
) -> dict[SeriesStart, list[Kept]]:
    """Lock the series of `wanted` (not empty), and return their points about the hours wanted of each.

    Those are the hours from the first to the last, and the nearest with a point before and after.
    """
    ordered = sorted(wanted)
    columns = _columns(ordered)
    first = [_instant(wanted[each][0]) for each in ordered]
    last = [_instant(wanted[each][1]) for each in ordered]
    await connection.execute(
        # Rows that are as they should be are locked all the same.
        f"""INSERT INTO otlp_series AS s ({_KEY}, newest_hour)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[])
            ON CONFLICT ({_KEY}) DO UPDATE SET newest_hour = EXCLUDED.newest_hour
            WHERE s.newest_hour < EXCLUDED.newest_hour""",
        *columns,
        last,
    )
    rows = await connection.fetch(
        f"""SELECT p.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[],
                                   $6::timestamptz[]) AS w ({_KEY}, first, last),
            LATERAL (SELECT * FROM otlp_point
                     WHERE ({_KEY}) = (w.org_id, w.project_id, w.series, w.started_ns)
                       AND hour >= coalesce((SELECT max(hour) FROM otlp_point
                            WHERE ({_KEY}) = (w.org_id, w.project_id, w.series, w.started_ns)
                              AND hour < w.first), w.first)
                       AND hour <= coalesce((SELECT min(hour) FROM otlp_point
                            WHERE ({_KEY}) = (w.org_id, w.project_id, w.series, w.started_ns)
                              AND hour > w.last), w.last) OFFSET 0) AS p""",
        *columns,
        first,
        last,
    )
    found: dict[SeriesStart, list[Kept]] = {}
    for row in rows:
        found.setdefault(_series(row), []).append(
            Kept(int(row["hour"].timestamp()), row["time_ns"], row["reading"])
        )
    return found


async def save(connection: Connection, points: Sequence[tuple[SeriesStart, Kept]]) -> None:
    """Write the last points of hours; the caller holds their series."""
    await connection.execute(
        f"""INSERT INTO otlp_point ({_KEY}, hour, time_ns, reading)
            SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::timestamptz[],
                                 $6::bigint[], $7::bytea[])
            ON CONFLICT ({_KEY}, hour) DO UPDATE SET
                time_ns = EXCLUDED.time_ns, reading = EXCLUDED.reading""",
        *_columns([series for series, _ in points]),
        [_instant(kept.hour) for _, kept in points],
        [kept.time_ns for _, kept in points],
        [kept.reading for _, kept in points],
    )


async def forget(connection: Connection, lateness: timedelta, most: int = 10_000) -> int:
    """Delete up to `most` points that no point can follow any more, and return how many.

    A point may still come for the lateness span before the least of a project's watermarks; until then the
    newest point of before that is what it is differenced to. A series that has been silent for twice that
    long goes whole.
    """
    done = await connection.execute(
        """DELETE FROM otlp_point WHERE ctid = ANY (ARRAY(
               SELECT p.ctid FROM (
                   SELECT org_id, project_id, date_trunc('hour', coalesce(
                              min(event_time) FILTER (WHERE seen_at > clock_timestamp() - $1::interval),
                              clock_timestamp()) - $1::interval) AS before
                   FROM project_watermark WHERE topic LIKE 'otlp_metrics%' GROUP BY 1, 2) AS h
               JOIN otlp_point p ON p.org_id = h.org_id AND p.project_id = h.project_id AND p.hour < h.before
               WHERE p.hour < h.before - $1::interval OR EXISTS (
                   SELECT FROM otlp_point AS n
                   WHERE (n.org_id, n.project_id, n.series, n.started_ns)
                       = (p.org_id, p.project_id, p.series, p.started_ns)
                     AND n.hour > p.hour AND n.hour < h.before)
               LIMIT $2 FOR UPDATE OF p SKIP LOCKED))""",
        lateness,
        most,
    )
    await connection.execute(
        """DELETE FROM otlp_series WHERE ctid = ANY (ARRAY(
               SELECT s.ctid FROM otlp_series s
               WHERE s.newest_hour < clock_timestamp() - 2 * $1::interval AND NOT EXISTS (
                   SELECT FROM otlp_point AS p
                   WHERE (p.org_id, p.project_id, p.series, p.started_ns)
                       = (s.org_id, s.project_id, s.series, s.started_ns))
               LIMIT $2 FOR UPDATE SKIP LOCKED))""",
        lateness,
        most,
    )
    return int(done.removeprefix("DELETE "))


def _series(row: Any) -> SeriesStart:
    return SeriesStart(row["org_id"], row["project_id"], row["series"], row["started_ns"])


def _columns(series: Sequence[SeriesStart]) -> list[list[Any]]:
    return [[each[column] for each in series] for column in range(4)]


def _instant(hour: int) -> datetime:
    return datetime.fromtimestamp(hour, UTC)
