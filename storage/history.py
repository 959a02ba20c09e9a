"""What came in as history: samples through the topic for it, ready hourly rows from a file."""

from datetime import datetime

from storage.detection import Watched
from storage.ledger import Connection

IMPORT = "import"
"""The source that imported rows are kept under, beside the topics of samples."""
SOURCES = ("backfill_metrics", IMPORT)
"""With the topics bound under their names. They hold no hour open; what breaks in their days pages nobody."""


async def hours(connection: Connection, item: Watched, start: datetime, end: datetime) -> frozenset[datetime]:
    """Return the hours in [start, end) into which history came, of what an assumption is about."""
    rows = await connection.fetch(
        """SELECT DISTINCT hour FROM partial
           WHERE org_id = $1 AND project_id = $2 AND metric_name = $3 AND hour >= $4 AND hour < $5
             AND ($6 = '' OR cohort = $6) AND ($7 = '' OR feature = $7)
             AND split_part(topic, '.', 1) = ANY ($8)""",
        item.org_id,
        item.project_id,
        str(item.assumption.metric_name),
        start,
        end,
        item.assumption.series_cohort,
        item.assumption.feature,
        list(SOURCES),
    )
    return frozenset(row["hour"] for row in rows)
