"""Event time: from the timestamp of a sample to epoch seconds and the hour it belongs to."""

import re
from datetime import UTC, datetime

HOUR = 3600
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
NO_TIME = -1.0
_MOST = 253_402_300_799.0  # the end of the year 9999, the last that PostgreSQL and Python both write


def epoch_seconds(timestamp: str | float) -> float | None:
    """Return RFC 3339 text or epoch seconds as epoch seconds, None where it is neither."""
    if isinstance(timestamp, str):
        if not _RFC3339.fullmatch(timestamp):
            return None
        try:
            # Python cuts what it cannot hold: a nanosecond decides no hour.
            return datetime.fromisoformat(timestamp.upper()).timestamp()
        except (ValueError, OverflowError):
            return None
    return float(timestamp) if 0 <= timestamp <= _MOST else None


class Moments(dict[str | float, float]):
    """Epoch seconds of timestamps, `NO_TIME` for what is none or before 1970.

    They are kept, since apps repeat them, in a dict, since nothing is faster to look up.
    """

    def __missing__(self, timestamp: str | float) -> float:
        """Read a timestamp that was not seen before."""
        at = epoch_seconds(timestamp)
        if at is None or at < 0:
            return NO_TIME  # and not kept: it may be as long as a message
        self[timestamp] = at
        return at


def kept_from(now: float, retention: float | None) -> float:
    """Return the start of the oldest month (UTC) that is kept; 0 where all are. All in seconds."""
    if retention is None:
        return 0.0
    return instant(now - retention).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def instant(epoch: float) -> datetime:
    """Return epoch seconds as an aware datetime."""
    return datetime.fromtimestamp(epoch, UTC)
