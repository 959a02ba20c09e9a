"""Chunks: what one Faust event carries.

Faust pays about 0.1 ms for an event, whatever is in it. So the consumer hands on, for each partition,
everything of a fetch as one event (docs/ledger.md). A chunk covers the offsets [start, end) without a
gap: offsets in it without a record are control records, aborted or compacted away. Chunks of one claim
follow each other: the end of one is the start of the next.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from faust.types import TP


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one partition, read under the claim `token`; `fetched_at` is monotonic time, seconds."""

    tp: TP
    start: int
    end: int
    records: Sequence[Any]
    token: int
    fetched_at: float

    @property
    def offset(self) -> int:
        """Return the offset by which Faust keeps order."""
        return self.start

    def after(self, position: int) -> "Chunk | None":
        """Return what of this chunk lies at `position` or later, None if nothing does."""
        if self.end <= position:
            return None
        if self.start >= position:
            return self
        rest = [record for record in self.records if record.offset >= position]
        return replace(self, start=position, records=rest)


@dataclass(frozen=True, slots=True)
class Look:
    """How far a partition was read when the consumer last looked.

    `end` is the log's end as the last fetch response told it, None before the first; `polled_at` is the
    wall-clock time of that response, epoch seconds.
    """

    position: int
    end: int | None
    polled_at: float
    token: int


def cut(start: int, end: int, records: Sequence[Any], most: int) -> Iterator[tuple[int, int, Sequence[Any]]]:
    """Yield (start, end, records) of at most `most` records each, covering [start, end) without a gap."""
    for first in range(0, max(len(records), 1), most):
        piece = records[first : first + most]
        rest = records[first + most : first + most + 1]
        piece_end = rest[0].offset if rest else end
        yield start, piece_end, piece
        start = piece_end
