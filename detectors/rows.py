"""Records of arrays: many series side by side, the first axis of every array being the series.

A record is a frozen dataclass whose fields are arrays or records. Sums run over the last axis of arrays laid
out by rows: there a series' sum has the same bits whether it stands alone or among others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
R = TypeVar("R")


def pick(record: R, rows: Any) -> R:
    """Return the record of some series; `rows` are indices or a mask."""
    picked: R = _each(lambda array: array[rows], record)
    return picked


def put(record: R, rows: Any, part: R) -> R:
    """Return the record with those series replaced by the ones of `part`; neither is changed."""

    def replaced(array: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
        copy = array.copy()
        copy[rows] = new
        return copy

    changed: R = _each(replaced, record, part)
    return changed


def join(records: Sequence[R]) -> R:
    """Return the series of all records as one, in their order."""
    joined: R = _each(lambda *arrays: np.concatenate(arrays), *records)
    return joined


def equal(one: R, other: R) -> bool:
    """Say whether two records hold the same numbers; what is missing (NaN) is the same as itself."""
    pairs = ((getattr(one, field.name), getattr(other, field.name)) for field in fields(one))  # type: ignore[arg-type]
    return all(
        equal(left, right)
        if is_dataclass(left)
        else np.array_equal(left, right, equal_nan=left.dtype.kind == "f")
        for left, right in pairs
    )


def to_json(record: Any, row: int = 0) -> dict[str, Any]:
    """Return one series of a record as a JSON object; floats keep every bit, NaN is null."""
    found = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        name: to_json(value, row) if is_dataclass(value) else _plain(value[row].tolist())
        for name, value in found.items()
    }


def from_json(like: R, data: Any, path: str = "") -> R:
    """Return the record of one series that `to_json` gave; `like` is any record of one series.

    Raises:
        ValueError: it has other fields or sizes than `like`; the message names the path.
    """
    names = [field.name for field in fields(like)]  # type: ignore[arg-type]
    if not isinstance(data, Mapping) or set(data) != set(names):
        raise ValueError(f"{path or 'state'}: fields {', '.join(names)} are meant")
    read = (_read(getattr(like, name), data[name], f"{path}.{name}".lstrip(".")) for name in names)
    return type(like)(*read)


def ratio(top: Floats, bottom: Floats, otherwise: Any = 0.0) -> Floats:
    """Return top / bottom, `otherwise` where `bottom` is 0."""
    safe = bottom != 0
    if safe.all():
        return top / bottom
    return np.where(safe, top / np.where(safe, bottom, 1.0), otherwise)


def clip(values: Floats, limit: Floats) -> Floats:
    """Return values limited to -limit..limit."""
    return np.minimum(np.maximum(values, -limit), limit)


def columns(values: Floats, first: Ints, width: int, empty: float) -> Floats:
    """Return `width` columns of each row (S, n) from column `first` (S,) on, `empty` beside the array."""
    if (first == first[:1]).all():
        return _same_columns(values, int(first[0]), width, empty)
    column = first[:, None] + np.arange(width)
    beside = (column < 0) | (column >= values.shape[1])
    return np.where(beside, empty, np.take_along_axis(values, np.where(beside, 0, column), axis=1))


def _same_columns(values: Floats, first: int, width: int, empty: float) -> Floats:
    start, end = max(first, 0), min(first + width, values.shape[1])
    found = np.full((len(values), width), empty)
    if start < end:
        found[:, start - first : end - first] = values[:, start:end]
    return found


def _each(change: Any, *records: Any) -> Any:
    columns = ([getattr(record, field.name) for record in records] for field in fields(records[0]))
    return type(records[0])(
        *(_each(change, *values) if is_dataclass(values[0]) else change(*values) for values in columns)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if value != value else value  # noqa: PLR0124 - NaN alone is not itself


def _read(like: Any, value: Any, path: str) -> Any:
    if is_dataclass(like):
        return from_json(like, value, path)
    try:
        array = np.array([value], dtype=like.dtype)
    except (TypeError, ValueError):
        raise ValueError(f"{path}: numbers are meant") from None
    if array.shape != like.shape:
        raise ValueError(f"{path}: {like.shape[1:]} numbers are meant, not {array.shape[1:]}")
    return array
