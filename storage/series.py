"""The series that projects have sent: how many there may be, and when each was last seen.

A project's count is locked only when it gets a new series: two partitions never pass the cap together, and
a project whose series are known locks nothing. Series that were silent for `SILENT` make room, but only
when there is none.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from storage.closing import Closable, HourCell
from storage.ledger import Connection
from storage.partials import SeriesHour
from storage.watermarks import ProjectKey

SeriesName = tuple[UUID, UUID, str, str, str]
"""Organisation, project, metric, cohort, feature."""
SILENT = timedelta(days=30)
"""A series without a closed hour for so long gives its place to a new one."""
_PRUNE_EVERY = timedelta(hours=1)
_COLUMNS = "org_id, project_id, metric_name, cohort, feature"
_WANTED = f"unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[]) AS w ({_COLUMNS})"


def name_of(series: SeriesHour) -> SeriesName:
    """Return the series that an hour is of."""
    return (series.org_id, series.project_id, series.metric, series.cohort, series.feature)


async def add(connection: Connection, wanted: Sequence[SeriesName], most: int) -> set[SeriesName]:
    """Note the series of `wanted` that are new, as long as there is room; return those there is none for.

    Args:
        connection: inside a transaction; a project that gets a series is locked until its end.
        wanted: in the order in which they take the room that is left.
        most: series a project may have.
    """
    new = await _unknown(connection, wanted)
    if not new:
        return set()
    by_project: dict[ProjectKey, list[SeriesName]] = defaultdict(list)
    for name in new:
        by_project[name[:2]].append(name)
    full = await _full(connection, by_project, most)
    refused = {name for project in full for name in by_project[project]}
    for project in sorted(by_project.keys() - full):
        refused.update(await _add_to(connection, project, by_project[project], most))
    return refused


async def _unknown(connection: Connection, names: Sequence[SeriesName]) -> list[SeriesName]:
    rows = await connection.fetch(
        f"""SELECT s.* FROM {_WANTED},
            LATERAL (SELECT {_COLUMNS} FROM series WHERE ({_COLUMNS})
                     = (w.org_id, w.project_id, w.metric_name, w.cohort, w.feature) OFFSET 0) AS s""",
        *_columns(names),
    )
    known = {tuple(row) for row in rows}
    return [name for name in names if name not in known]


async def _full(connection: Connection, projects: Collection[ProjectKey], most: int) -> set[ProjectKey]:
    """Return those that have no room, and where looking for some would be in vain: seen without a lock."""
    rows = await connection.fetch(
        """SELECT c.org_id, c.project_id FROM series_count AS c
           JOIN unnest($1::uuid[], $2::uuid[]) AS w (org_id, project_id) USING (org_id, project_id)
           WHERE c.series >= $3 AND c.pruned_at > clock_timestamp() - $4::interval""",
        [org for org, _ in projects],
        [project for _, project in projects],
        most,
        _PRUNE_EVERY,
    )
    return {(row["org_id"], row["project_id"]) for row in rows}


async def _add_to(
    connection: Connection, project: ProjectKey, names: Sequence[SeriesName], most: int
) -> Sequence[SeriesName]:
    """Add to one project what fits, under its lock; return the rest."""
    await connection.execute(
        "INSERT INTO series_count (org_id, project_id, series) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        *project,
    )
    count = await connection.fetchval(
        "SELECT series FROM series_count WHERE org_id = $1 AND project_id = $2 FOR UPDATE", *project
    )
    new = await _unknown(connection, names)  # of those who held the lock before us
    if count + len(new) > most:
        count -= await _prune(connection, project)
    fit, rest = new[: max(0, most - count)], new[max(0, most - count) :]
    await connection.execute(f"INSERT INTO series ({_COLUMNS}) SELECT * FROM {_WANTED}", *_columns(fit))
    await connection.execute(
        "UPDATE series_count SET series = $3 WHERE org_id = $1 AND project_id = $2",
        *project,
        count + len(fit),
    )
    return rest


async def _prune(connection: Connection, project: ProjectKey) -> int:
    done = await connection.execute(
        """DELETE FROM series
           WHERE org_id = $1 AND project_id = $2 AND seen_at < clock_timestamp() - $3::interval""",
        *project,
        SILENT,
    )
    await connection.execute(
        "UPDATE series_count SET pruned_at = clock_timestamp() WHERE org_id = $1 AND project_id = $2",
        *project,
    )
    return int(done.removeprefix("DELETE "))


async def note(connection: Connection, project: Closable, hours: Sequence[HourCell]) -> None:
    """Note the newest of the hours that were closed for each series."""
    newest = {(each.metric, each.cohort, each.feature): each.hour for each in sorted(hours, key=_hour)}
    await connection.execute(
        """UPDATE series AS s SET last_hour = greatest(s.last_hour, n.hour), seen_at = clock_timestamp()
           FROM unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[])
                AS n (metric_name, cohort, feature, hour)
           WHERE s.org_id = $1 AND s.project_id = $2 AND s.metric_name = n.metric_name
             AND s.cohort = n.cohort AND s.feature = n.feature""",
        project.org_id,
        project.project_id,
        [str(metric) for metric, _, _ in newest],
        [cohort for _, cohort, _ in newest],
        [feature for _, _, feature in newest],
        list(newest.values()),
    )


def _hour(each: HourCell) -> datetime:
    return each.hour


def _columns(names: Sequence[SeriesName]) -> list[list[object]]:
    return [[name[column] for name in names] for column in range(5)]
