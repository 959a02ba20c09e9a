"""Files of hourly rows as the back-test folds them: CSV or Parquet, one series or many."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa

from cli.exits import CommandError
from detectors.assumptions import Assumption
from detectors.backtest import Histories
from detectors.days import PLACES
from detectors.local_days import ONE_DAY, ONE_HOUR, day_of, day_start, first_whole_day
from detectors.rows import Bools, Floats, Ints
from metrics.names import Kind

NEEDED = ("timestamp", "metric_value", "sample_count")
TEXTS = ("series", "cohort", "feature", "metric_name")
NUMBERS = ("metric_value", "sample_count", "numerator", "denominator", "user_count")
_HOUR = 3600


def read(path: str, item: Assumption, zone: ZoneInfo) -> Histories:
    """Return the file's rows that the assumption is about, as series of local days.

    Rows of an hour and series (of several cohorts or features) are one: rates by their denominators, counts
    by their sum. Days are complete up to the last one that the newest hour of the file ends.

    Raises:
        CommandError: the file cannot be read or used; the message says which row (of the data, from 1).
    """
    frame = _about(_frame(path), item, path)
    hours = _hours(frame, path)
    _refuse_bad_numbers(frame, path)
    calendar = _Calendar(hours, zone)
    if not calendar.count:
        raise CommandError(f"{path}: no day is complete: the newest hour must be the last of a local day")
    codes, names = _series(frame)
    day, place = calendar.of(hours)
    whole = day < calendar.count
    index = ((codes * calendar.count + day) * PLACES + place)[whole]
    frame = frame[whole]
    if np.bincount(index).max() > 1:
        _refuse_repeats(frame, index, path)
    return _histories(item, frame, index, codes[whole], day[whole], names, calendar)


class _Calendar:
    """The local days of a file: `first`, how many are complete, and their ends in seconds since 1970."""

    def __init__(self, hours: Ints, zone: ZoneInfo) -> None:
        oldest, newest = (datetime.fromtimestamp(int(h) * _HOUR, UTC) for h in (hours.min(), hours.max()))
        last = day_of(newest, zone)
        if day_start(last + ONE_DAY, zone) > newest + ONE_HOUR:
            last -= ONE_DAY
        self.first, self.zone = day_of(oldest, zone), zone
        self.count = max((last - self.first).days + 1, 0)
        starts = [int(day_start(each, zone).timestamp()) for each in self._days(self.count + 2)]
        self._starts = np.array(starts)
        self.ends = self._starts[1 : self.count + 1]

    def of(self, hours: Ints) -> tuple[Ints, Ints]:
        """Return the number of the day and the place 0..24 of each hour (since 1970)."""
        start = hours * _HOUR
        day = np.searchsorted(self._starts, start, side="right") - 1
        place = PLACES + (start - self._starts[day + 1]) // _HOUR
        return day, place

    def number(self, day: date) -> int:
        return max((day - self.first).days, 0)

    def _days(self, count: int) -> Iterator[date]:
        return (self.first + timedelta(days=number) for number in range(count))


def _histories(
    item: Assumption,
    frame: pd.DataFrame,
    index: Ints,
    codes: Ints,
    day: Ints,
    names: Sequence[str],
    calendar: _Calendar,
) -> Histories:
    count, days = len(names), calendar.count
    value, weight = _merged(item, frame, index, count * days * PLACES)
    shape = (count, days, PLACES)
    people = "user_count" if "user_count" in frame else "sample_count"
    begins = np.full(count, days)
    np.minimum.at(begins, codes, day)
    since = _effective(item, calendar)
    return Histories(
        names=tuple(names),
        first=calendar.first,
        ends=calendar.ends,
        value=value.reshape(shape),
        weight=weight.reshape(shape),
        people=_sums(codes * days + day, frame[people].to_numpy(float), count * days)
        .reshape(count, days)
        .astype(np.int64),
        begins=np.maximum(begins, since),
    )


def _effective(item: Assumption, calendar: _Calendar) -> int:
    if item.effective_from is None:
        return item.launch_grace_days
    begins = first_whole_day(item.effective_from, calendar.zone) + timedelta(days=item.launch_grace_days)
    return calendar.number(begins)


def _merged(item: Assumption, frame: pd.DataFrame, index: Ints, size: int) -> tuple[Floats, Floats]:
    """Return value and weight by place; what no row is about has weight 0."""
    weight = frame["sample_count"].to_numpy(float)
    if item.kind is Kind.RATE and "denominator" in frame:
        weight = frame["denominator"].fillna(frame["sample_count"]).to_numpy(float)
    known = frame["metric_value"].notna().to_numpy()
    value, weight, index = frame["metric_value"].to_numpy(float)[known], weight[known], index[known]
    total = _sums(index, weight, size)
    if not len(index) or np.bincount(index).max() == 1:
        alone = np.zeros(size)
        alone[index] = value
        return alone, total
    if item.kind is Kind.MEDIAN:
        raise CommandError(
            f"{item.metric_name}: medians of several cohorts or features cannot be merged; let the "
            "assumption name one of each, or test stored telemetry (--project)"
        )
    if item.kind is Kind.SUM:
        return _sums(index, value, size), total
    return _sums(index, value * weight, size) / np.where(total > 0, total, 1), total


def _sums(index: Ints, values: Floats, size: int) -> Floats:
    return np.bincount(index, weights=values, minlength=size).astype(np.float64)


def _frame(path: str) -> pd.DataFrame:
    with _readable(path):
        if Path(path).suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            types = dict.fromkeys(TEXTS, "str")
            frame = pd.read_csv(path, dtype=types, usecols=lambda name: name in {*TEXTS, *NUMBERS, *NEEDED})
    missing = [name for name in NEEDED if name not in frame]
    if missing:
        raise CommandError(f"{path}: column {missing[0]} is missing; needed are {', '.join(NEEDED)}")
    if frame.empty:
        raise CommandError(f"{path}: there are no rows")
    return frame


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, pa.ArrowException) as error:
        raise CommandError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None


def _about(frame: pd.DataFrame, item: Assumption, path: str) -> pd.DataFrame:
    wanted = {"metric_name": str(item.metric_name), "cohort": item.cohort, "feature": item.feature}
    for name, value in wanted.items():
        if name in frame and value:
            frame = frame[frame[name].fillna("") == value]
            if frame.empty:
                raise CommandError(f"{path}: no row has {name} {value!r}, which the assumption is about")
    return frame


def _hours(frame: pd.DataFrame, path: str) -> Ints:
    """Return the hour of each row, since 1970."""
    column = frame["timestamp"]
    if pd.api.types.is_numeric_dtype(column):
        seconds = column.to_numpy(float)
    else:
        parsed = pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")
        seconds = parsed.to_numpy("datetime64[s]").astype("int64").astype(float)
        seconds[parsed.isna().to_numpy()] = np.nan
    _refuse(
        frame, np.isnan(seconds), path, "timestamp {timestamp!r} is no time, such as 2026-11-01T10:00:00Z"
    )
    _refuse(frame, seconds % _HOUR != 0, path, "timestamp {timestamp!r} is not the start of an hour")
    return (seconds // _HOUR).astype(np.int64)


def _refuse_bad_numbers(frame: pd.DataFrame, path: str) -> None:
    for name in NUMBERS:
        if name not in frame:
            continue
        numbers = pd.to_numeric(frame[name], errors="coerce").to_numpy(float)
        missing = np.isnan(numbers) & frame[name].notna().to_numpy()
        wrong = np.isinf(numbers) | (numbers < 0) | (missing if name != "sample_count" else np.isnan(numbers))
        _refuse(frame, wrong, path, f"{name} {{{name}}} is no number of 0 or more")
        frame[name] = numbers


def _series(frame: pd.DataFrame) -> tuple[Ints, Sequence[str]]:
    if "series" not in frame:
        return np.zeros(len(frame), np.int64), [""]
    codes, names = pd.factorize(frame["series"].fillna(""), sort=True)
    return codes.astype(np.int64), [str(name) for name in names]


def _refuse_repeats(frame: pd.DataFrame, index: Ints, path: str) -> None:
    key = {name: frame[name].to_numpy() for name in ("cohort", "feature") if name in frame}
    repeated = pd.DataFrame({"place": index, **key}).duplicated().to_numpy()
    _refuse(frame, repeated, path, "timestamp {timestamp!r} is given twice for its series")


def _refuse(frame: pd.DataFrame, wrong: Bools, path: str, words: str) -> None:
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        row = frame.iloc[place]
        said = words.format(**{str(name): value for name, value in row.items()})
        raise CommandError(f"{path}: row {int(frame.index[place]) + 1}: {said}")
