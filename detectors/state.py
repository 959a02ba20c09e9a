"""What the daily test remembers of a series from day to day."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import core_schema

from detectors.baseline import Baseline
from detectors.evidence import SHARES
from detectors.interval import Recent, RecentDays
from detectors.lanes import Lane, Lanes
from detectors.rows import Floats, Ints, equal, from_json, to_json

SIDES = 2
"""Bounds that an assumption has at most: a lower one and an upper one."""
NEITHER = -1


@dataclass(frozen=True, eq=False)
class State:
    """Everything that the test knows of S series: 1.3 kilobytes each, twice that as JSON.

    `sums` (S, 2, 3) holds the evidence against each side, `broken` (S,) the index of the side that is
    (-1: neither), `recovery` (S,) the evidence that it is kept again; `lanes` is what the fast lane knows,
    `recent` the last days folded.
    """

    sums: Floats
    broken: Ints
    recovery: Floats
    baseline: Baseline
    lanes: Lanes
    recent: RecentDays

    @classmethod
    def start(cls, head: Floats) -> "State":
        """Return the state before the first day, with the evidence `head` (S, 2) given at launch."""
        count = len(head)
        return cls(
            sums=np.repeat(head[:, :, None], len(SHARES), axis=2),
            broken=np.full(count, NEITHER),
            recovery=np.zeros(count),
            baseline=Baseline.start(count),
            lanes=Lanes.of([Lane()] * count),
            recent=RecentDays.of([Recent()] * count),
        )

    def to_json(self, row: int = 0) -> dict[str, Any]:
        """Return one series' state as a JSON object; floats keep every bit."""
        return to_json(self, row)

    @classmethod
    def from_json(cls, data: Any) -> "State":
        """Return the state of one series that `to_json` gave; `rows.join` makes one of several.

        Raises:
            ValueError: it is another version's, or no state at all; fold again from the start.
        """
        return from_json(_BLANK, data)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, State) and equal(self, other)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        """Let models hold a state: it is read from what `to_json` gives, and dumped as that."""
        return core_schema.no_info_plain_validator_function(
            lambda data: data if isinstance(data, cls) else cls.from_json(data),
            serialization=core_schema.plain_serializer_function_ser_schema(cls.to_json),
        )

    __hash__ = None  # type: ignore[assignment]


_BLANK = State.start(np.zeros((1, SIDES)))
